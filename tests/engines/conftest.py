"""Small models for the engines' tests, made once per session."""

import importlib.metadata
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qtui import paths
from qtui.engines.conversion import converter
from qtui.engines.protocol.answering import Item, Job
from qtui.engines.weights.weights import open_weights
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
    from qtui.engines.conversion import llama_folder

    target = spm.parent / "tiny-spm-F16.gguf"
    llama_folder.convert(open_weights(spm), target)
    return target


@pytest.fixture(scope="session")
def bpe(models: Path) -> Path:
    """A Llama with a byte-level BPE tokenizer, without a chat template."""
    from tests.engines.tiny_llama import byte_level_llama

    return byte_level_llama(models / "tiny-bpe")


@pytest.fixture(scope="session")
def bpe_gguf(bpe: Path) -> Path:
    from qtui.engines.conversion import llama_folder

    target = bpe.parent / "tiny-bpe-F16.gguf"
    llama_folder.convert(open_weights(bpe), target)
    return target


@pytest.fixture(scope="session")
def extended(spm: Path) -> Path:
    """The first with tokens added, its tokenizer as tokenizer.json alone."""
    from tests.engines.tiny_llama import extended_llama

    return extended_llama(spm.parent / "tiny-extended", spm)


@pytest.fixture(scope="session")
def extended_gguf(extended: Path) -> Path:
    from qtui.engines.conversion import llama_folder

    target = extended.parent / "tiny-extended-F16.gguf"
    llama_folder.convert(open_weights(extended), target)
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


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs_engines: None) -> Callable[[dict[str, str]], Path]:
    """pip finds nothing but what the test puts here: a source distribution of the installed version with these files."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv(converter.ENVIRONMENT, raising=False)

    def put(files: dict[str, str]) -> Path:
        version = importlib.metadata.version(converter.DISTRIBUTION)
        top = tmp_path / f"llama_cpp_python-{version}"
        build = '[build-system]\nrequires = ["scikit-build-core"]\nbuild-backend = "scikit_build_core.build"\n'
        for name, text in {"pyproject.toml": build, "PKG-INFO": "Metadata-Version: 2.1\n", **files}.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text)
        archive = folder / f"{top.name}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(top, top.name)
        return archive

    return put
