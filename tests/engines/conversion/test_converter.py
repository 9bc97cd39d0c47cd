"""llama.cpp's own converter: where it comes from, and what it makes of a folder that qtui does not convert itself."""

import importlib.metadata
import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from qtui import paths
from qtui.engines.conversion import converter, gguf_cache, llama_folder
from qtui.engines.conversion.converter import NeedsConverterError
from qtui.engines.protocol.answering import Loading
from qtui.engines.quantizing import gguf_source
from qtui.engines.weights import unfinished
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError


def _installed() -> str:
    try:
        return importlib.metadata.version(converter.DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return ""


VERSION = _installed()

STAND_IN = """
import argparse, sys, pathlib
sys.path.insert(1, str(pathlib.Path(__file__).parent / "gguf-py"))
import conversion
arguments = argparse.ArgumentParser()
arguments.add_argument("model"); arguments.add_argument("--outfile"); arguments.add_argument("--outtype")
asked = arguments.parse_args()
print("Writing:  50%|#####     |", end="\\r", file=sys.stderr)
pathlib.Path(asked.outfile).write_bytes(conversion.converted(asked.model, asked.outtype))
"""


VENDORED = {
    "vendor/llama.cpp/convert_hf_to_gguf.py": STAND_IN,
    "vendor/llama.cpp/conversion/__init__.py": "def converted(model, outtype):\n    return f'{outtype} of {model}'.encode()\n",
    "vendor/llama.cpp/gguf-py/gguf/__init__.py": "",
    "vendor/llama.cpp/src/llama.cpp": "int main() {}",
}


def test_the_converter_is_fetched_once_without_a_build_and_run(
    index: Callable[[dict[str, str]], Path], tmp_path: Path, spm: Path
) -> None:
    archive = index(VENDORED)
    seen: list[tuple[str, float | None]] = []
    converter.convert(spm, tmp_path / "out.gguf", "f16", progress=lambda *said: seen.append(said))
    assert (tmp_path / "out.gguf").read_text() == f"f16 of {spm}"
    home = paths.cache() / "llama.cpp" / VERSION
    assert sorted(path.name for path in home.iterdir() if path.name != "__pycache__") == [
        "conversion", "convert_hf_to_gguf.py", "gguf-py",
    ]  # fmt: skip
    assert (converter.FETCHING, None) in seen
    assert (f"converting {spm.name} to GGUF", 0.5) in seen
    archive.unlink()
    converter.convert(spm, tmp_path / "again.gguf", "f16")
    assert (tmp_path / "again.gguf").is_file()


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_fetched_converter_and_what_python_compiles_of_it_are_for_the_user_alone(
    umask: int, index: Callable[[dict[str, str]], Path], tmp_path: Path, spm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    index(VENDORED)
    old = os.umask(umask)
    try:
        converter.convert(spm, tmp_path / "out.gguf", "f16")
    finally:
        os.umask(old)
    written = [paths.cache(), *paths.cache().rglob("*")]
    assert any(path.suffix == ".pyc" for path in written)
    wide = [path for path in written if stat.S_IMODE(path.stat().st_mode) != (0o700 if path.is_dir() else 0o600)]
    assert wide == []
    assert stat.S_IMODE((tmp_path / "out.gguf").stat().st_mode) == 0o666 & ~umask, "asked for by name"


def test_what_cannot_be_fetched_says_how_to_go_on(index: Callable[[dict[str, str]], Path], tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=rf"{VERSION}.*could not be downloaded.*--converter FOLDER, \$QTUI_LLAMA_CPP, or converter in"
    ):
        converter.find_script(None, lambda *_: None)
    assert [path.name for path in (paths.cache() / "llama.cpp").iterdir()] == ["lock"]


def test_a_distribution_without_a_converter_says_so(index: Callable[[dict[str, str]], Path]) -> None:
    index({"README.md": "nothing"})
    with pytest.raises(UserError, match=r"contains no convert_hf_to_gguf\.py"):
        converter.find_script(None, lambda *_: None)


def test_converter_that_crashes_is_told_by_its_signal_and_leaves_its_trace(
    tmp_path: Path, spm: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sources = tmp_path / "llama.cpp"
    sources.mkdir()
    (sources / converter.SCRIPT).write_text("import ctypes\nctypes.string_at(0)\n")
    with pytest.raises(
        UserError, match=r"converter cannot convert it: Its process crashed in native code \(SIGSEGV\)$"
    ):
        converter.convert(spm, tmp_path / "out.gguf", "f16", converter=sources)
    log = capfd.readouterr().err
    assert "qtui" in log
    assert "Fatal Python error: Segmentation fault" in log


def test_a_folder_for_one_command_comes_before_one_for_the_session_and_that_before_one_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("once", "session", "good"):
        (tmp_path / name).mkdir()
        (tmp_path / name / converter.SCRIPT).touch()
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text(f'converter = "{tmp_path / "good"}"\n')
    monkeypatch.setenv(converter.ENVIRONMENT, str(tmp_path / "session"))
    assert converter.find_script(tmp_path / "once", lambda *_: None).parent.name == "once"
    assert converter.find_script(None, lambda *_: None).parent.name == "session"
    monkeypatch.delenv(converter.ENVIRONMENT)
    assert converter.find_script(None, lambda *_: None).parent.name == "good"


@pytest.mark.parametrize("by", ["--converter", "$QTUI_LLAMA_CPP", "config.toml"])
def test_a_folder_without_a_converter_is_named_with_who_named_it(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "none"
    monkeypatch.delenv(converter.ENVIRONMENT, raising=False)
    if by == "config.toml":
        paths.config_file().parent.mkdir(parents=True)
        paths.config_file().write_text(f'converter = "{empty}"\n')
    elif by == "$QTUI_LLAMA_CPP":
        monkeypatch.setenv(converter.ENVIRONMENT, str(empty))
    with pytest.raises(UserError, match=rf"none \(from .*{re.escape(by)}\) contains no convert_hf_to_gguf\.py"):
        converter.find_script(empty if by == "--converter" else None, lambda *_: None)


def test_a_failure_gives_the_converters_reason_and_leaves_nothing(tmp_path: Path, spm: Path) -> None:
    home = tmp_path / "llama.cpp"
    home.mkdir()
    (home / converter.SCRIPT).write_text("raise NotImplementedError('tokenizer not recognized')")
    with pytest.raises(UserError, match=r"cannot convert it: NotImplementedError: tokenizer not recognized"):
        converter.convert(spm, tmp_path / "out.gguf", "f16", converter=home)
    assert [path.name for path in tmp_path.iterdir()] == ["llama.cpp"]


def test_code_that_comes_with_a_folder_is_not_run_unasked(tmp_path: Path, spm: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling.Model"}}))
    with pytest.raises(UserError, match="--trust-remote-code"):
        converter.convert(folder, tmp_path / "out.gguf", "f16", converter=tmp_path)


def test_an_architecture_that_qtui_does_not_convert_is_the_same_model_through_the_converter(
    tmp_path: Path, request: pytest.FixtureRequest, needs_engines: None
) -> None:
    from tests.engines.conversion.test_llama_folder import assert_same_logits

    folder = qwen2(tmp_path / "tiny-qwen2")
    with pytest.raises(NeedsConverterError):
        llama_folder.convert(open_weights(folder), tmp_path / "refused.gguf")
    how = gguf_cache.Conversion(converter=real_converter(request))
    said: list[Loading] = []
    made = gguf_cache.quantized_gguf(open_weights(folder), "Q8_0", "1", said.append, how=how)
    whole = made.with_name("tiny-qwen2-F16.gguf")
    assert gguf_source.read(whole).architecture == "qwen2"
    assert made.is_file()
    assert not list(made.parent.glob(f"*{unfinished.SUFFIX}"))
    assert_same_logits(folder, whole)


def real_converter(request: pytest.FixtureRequest) -> Path:
    """llama.cpp's, fetched once for all test runs of this checkout; without a connection the test is skipped."""
    cache = request.config.cache
    assert cache is not None
    home = cache.mkdir("llama.cpp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        try:
            return converter.find_script(None, lambda *_: None).parent
        except UserError as error:
            pytest.skip(f"llama.cpp's converter is not to be had here: {error}")


def qwen2(folder: Path) -> Path:
    """A small Qwen 2 with random weights and a SentencePiece tokenizer, which its family does not have and the converter takes."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from tests.engines import tiny_llama

    words = tiny_llama.sentencepiece_tokenizer(folder)
    config = Qwen2Config(
        vocab_size=words,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=tiny_llama.CONTEXT,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
        initializer_range=0.05,
    )
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config)
    model.to(torch.float16).save_pretrained(folder)  # type: ignore[arg-type]
    return folder
