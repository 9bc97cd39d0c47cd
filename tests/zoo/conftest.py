"""llama.cpp's converter and the folder of the zoo, once per session."""

from pathlib import Path

import pytest

from tests.engines.conversion.test_converter import real_converter


@pytest.fixture(scope="session")
def sources(request: pytest.FixtureRequest) -> Path:
    for package in ("torch", "transformers", "llama_cpp", "gguf", "sentencepiece"):
        pytest.importorskip(package, reason=f'{package} is not installed: pip install "qtui[engines]"')
    return real_converter(request)


@pytest.fixture(scope="session")
def needs_transformers() -> None:
    pytest.importorskip("transformers", reason='transformers is not installed: pip install "qtui[engines]"')


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")
