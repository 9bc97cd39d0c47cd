"""Children that run or fetch an engine's programs import no module from the folder that the user stands in."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from qtui.engines.self_test import testing
from tests.hostile_folder import HostileFolder


@pytest.fixture(autouse=True)
def engines(needs_engines: None) -> None:
    """All of these need them."""


@pytest.mark.parametrize(("library", "kind"), [("ggml", "1"), ("torch", "float32")])
def test_the_processes_of_the_self_test_import_nothing_from_the_current_folder(
    library: testing.Library, kind: str, here: HostileFolder
) -> None:
    tested = testing.test(library, "a test", [kind], report=lambda _: None)
    assert {outcome.state for outcome in tested.outcomes.values()} - {"not offered"} == {"right"}
    assert here.imported() == []


def test_the_processes_that_quantize_import_nothing_from_the_current_folder(
    here: HostileFolder, tmp_path: Path
) -> None:
    from qtui.runner import quantization

    async def make() -> list[quantization.QuantizedType]:
        wish = quantization.QuantizationJob("demo", ("Q8_0",), out=tmp_path)
        source = await quantization.prepare_source(wish, lambda _: None)
        return await quantization.quantize(wish, source, lambda _: None)

    assert [made.reason for made in asyncio.run(make())] == [""]
    assert here.imported() == []


def test_the_converter_imports_nothing_from_the_current_folder(here: HostileFolder, tmp_path: Path) -> None:
    from qtui.engines.conversion import converter

    home, model = tmp_path / "llama.cpp", tmp_path / "model"
    for folder in (home, model):
        folder.mkdir()
    (home / "beside_the_script.py").write_text("TEXT = 'made'")
    (home / converter.SCRIPT).write_text(
        "import json, random, sys, beside_the_script\n"
        "open(sys.argv[sys.argv.index('--outfile') + 1], 'w').write(beside_the_script.TEXT)\n"
    )
    converter.convert(model, tmp_path / "out.gguf", "f16", converter=home)
    assert ((tmp_path / "out.gguf").read_text(), here.imported()) == ("made", [])


def test_pip_for_the_converter_imports_nothing_from_the_current_folder(
    here: HostileFolder,
    tmp_path: Path,
    index: Callable[[dict[str, str]], Path],
) -> None:
    from qtui.engines.conversion import converter

    index({f"vendor/llama.cpp/{converter.SCRIPT}": ""})
    assert converter.find_script(None, lambda *_: None).name == converter.SCRIPT
    assert here.imported() == []
