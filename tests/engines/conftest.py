"""Small models for the engines' tests, made once per session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui import paths
from qtui.engines.protocol import Item, Job
from qtui.records import EngineName, PromptSource, Sampling, VariantSpec

QUESTIONS = tuple(f"質問その{number}：" + "りんごはいくつ残りますか。" * (1 + number % 4) for number in range(12))


@pytest.fixture(scope="session")
def needs_engines() -> None:
    for package in ("torch", "transformers", "llama_cpp", "gguf", "sentencepiece"):
        pytest.importorskip(package, reason=f'{package} is not installed: pip install "qtui[engines]"')


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, needs_engines: None) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def spm(models: Path) -> Path:
    """A Llama with a SentencePiece tokenizer and a chat template."""
    from tests.engines.tiny_llama import sentencepiece_llama

    return sentencepiece_llama(models / "tiny-spm")


@pytest.fixture(scope="session")
def spm_gguf(spm: Path) -> Path:
    from qtui.engines import llama_folder

    target = spm.parent / "tiny-spm-F16.gguf"
    llama_folder.convert(spm, target)
    return target


@pytest.fixture(scope="session")
def bpe(models: Path) -> Path:
    """A Llama with a byte-level BPE tokenizer, without a chat template."""
    from tests.engines.tiny_llama import byte_level_llama

    return byte_level_llama(models / "tiny-bpe")


@pytest.fixture(scope="session")
def bpe_gguf(bpe: Path) -> Path:
    from qtui.engines import llama_folder

    target = bpe.parent / "tiny-bpe-F16.gguf"
    llama_folder.convert(bpe, target)
    return target


@pytest.fixture(scope="session")
def extended(spm: Path) -> Path:
    """The first with tokens added, its tokenizer as tokenizer.json alone."""
    from tests.engines.tiny_llama import extended_llama

    return extended_llama(spm.parent / "tiny-extended", spm)


@pytest.fixture(scope="session")
def extended_gguf(extended: Path) -> Path:
    from qtui.engines import llama_folder

    target = extended.parent / "tiny-extended-F16.gguf"
    llama_folder.convert(extended, target)
    return target


@pytest.fixture
def demo(needs_engines: None) -> Iterator[Path]:
    if not (paths.demo_model() / "model.safetensors").is_file():
        pytest.skip("data/demo has no model")
    yield paths.demo_model()


def variant(engine: EngineName, weights: Path | str, precision: str = "F16", **settings: object) -> VariantSpec:
    values: dict[str, object] = {"slots": 4, "threads": 1, **settings}
    return VariantSpec(model="tiny", name=precision, engine=engine, weights=str(weights), precision=precision, **values)  # type: ignore[arg-type]


def job(
    spec: VariantSpec, inputs: tuple[str, ...] = QUESTIONS, prompt: PromptSource | None = None, **sampling: object
) -> Job:
    values: dict[str, object] = {"max_tokens": 12, **sampling}
    items = [Item(task=number, sample=0, input=text) for number, text in enumerate(inputs, 1)]
    return Job(spec, Sampling(**values), prompt or PromptSource(), items)  # type: ignore[arg-type]
