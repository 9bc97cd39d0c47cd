"""An importance matrix that qtui makes of a text is the mean square of every input, as float64 computes it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qtui.engines import planning
from qtui.engines.conversion import gguf_cache
from qtui.engines.quantizing import imatrix, imatrix_source
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from tests.engines.conftest import job, variant
from tests.engines.tiny_llama import CORPUS, sentencepiece_llama


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "calibration.txt"
    file.write_text(CORPUS * 3)
    return file


def of_float64(folder: Path, chunks: list[list[int]]) -> dict[str, Any]:
    """Means of squares of the inputs of all matrices of the layers, by GGUF's names."""
    import gguf
    import torch
    import transformers

    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, model.config.num_hidden_layers)
    sums: dict[str, Any] = {}
    rows = sum(map(len, chunks))

    def listen_to(name: str) -> Any:
        def hook(_: Any, inputs: Any, __: Any) -> None:
            sums[name] = sums.get(name, 0) + (inputs[0][0] ** 2).sum(0).numpy()

        return hook

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and "layers" in name:
            module.register_forward_hook(listen_to(str(names.get_name(f"{name}.weight", (".weight",)))))
    with torch.no_grad():
        for chunk in chunks:
            model(input_ids=torch.tensor([chunk]))
    return {name: each / rows for name, each in sums.items()}


@pytest.mark.usefixtures("needs_engines")
def test_it_is_that_of_transformers_in_float64(tmp_path: Path, text: Path) -> None:
    from qtui.engines.conversion import llama_folder
    from qtui.engines.llama_cpp.model import LlamaModel
    from qtui.engines.quantizing import imatrix_making

    folder = sentencepiece_llama(tmp_path / "m", dtype="float32")
    llama_folder.convert(open_weights(folder), tmp_path / "m.gguf")
    seen: list[float] = []
    imatrix_making.make(open_weights(tmp_path / "m.gguf"), text, tmp_path / "i.gguf", progress=seen.append)
    found = imatrix.read(tmp_path / "i.gguf")
    model = LlamaModel(open_weights(tmp_path / "m.gguf"))
    ids, step = model.plain_tokens(text.read_text()), imatrix_making.CHUNK - 1
    expected = of_float64(folder, [[model.bos, *ids[at : at + step]] for at in range(0, len(ids), step)])
    assert len(ids) > step
    assert found.keys() == expected.keys()
    assert max(float(np.abs(found[name] / expected[name] - 1).max()) for name in found) < 1e-4
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.usefixtures("needs_engines")
def test_each_expert_has_the_inputs_that_it_got(tmp_path: Path, text: Path) -> None:
    from qtui.engines.conversion import llama_folder
    from qtui.engines.quantizing import imatrix_making
    from tests.models.tiny_models import mixtral

    llama_folder.convert(open_weights(mixtral(tmp_path / "m")), tmp_path / "m.gguf")
    imatrix_making.make(open_weights(tmp_path / "m.gguf"), text, tmp_path / "i.gguf")
    found = imatrix.read(tmp_path / "i.gguf")
    # All inputs of a layer's router go to two of its four experts; each expert's mean is over its own.
    router, experts = found["blk.0.ffn_gate_inp.weight"], found["blk.0.ffn_gate_exps.weight"].reshape(4, -1)
    assert np.isfinite(experts).all()
    assert 0.5 < float(experts.mean() / router.mean()) < 2
    assert len({float(row.sum()) for row in experts}) == 4


@pytest.mark.usefixtures("needs_engines")
def test_a_variant_is_quantized_with_the_matrix_of_its_text_and_its_key_has_the_text(
    spm: Path, tmp_path: Path, text: Path
) -> None:
    report: Any = lambda _: None  # noqa: E731
    weights = open_weights(spm)
    with_text = gguf_cache.quantized_gguf(weights, "IQ2_XS", "0", report, imatrix=text)
    without = gguf_cache.quantized_gguf(weights, "Q4_K_M", "0", report)
    again = gguf_cache.quantized_gguf(weights, "Q4_K_M", "0", report, imatrix=text)
    assert with_text.is_file()
    assert without != again
    assert without.read_bytes() != again.read_bytes()

    def key(**settings: object) -> str:
        return planning.plan(job(variant("llama.cpp", spm, "Q4_K_M", **settings)), WeightsFinder(report)).planned.keys[
            0
        ]

    first = key(imatrix=str(text))
    copy = tmp_path / "copy.txt"
    copy.write_bytes(text.read_bytes())
    assert key(imatrix=str(copy)) == first != key()
    copy.write_text(CORPUS)
    assert key(imatrix=str(copy)) != first


@pytest.mark.parametrize(("content", "words"), [("short", "at least 16"), (" \n ", "is blank"), ("", "is empty")])
def test_a_text_that_is_too_short_is_an_error(spm_gguf: Path, tmp_path: Path, content: str, words: str) -> None:
    from qtui.engines.quantizing import imatrix_making

    (tmp_path / "t.txt").write_text(content)
    with pytest.raises(UserError, match=rf"t\.txt.*{words}"):
        imatrix_source.is_text(tmp_path / "t.txt")
        imatrix_making.make(open_weights(spm_gguf), tmp_path / "t.txt", tmp_path / "i.gguf")


@pytest.mark.parametrize(
    ("content", "expected"),
    [("文章" * 3000, True), (b"GGUF\x03\0\0\0", False), (b"\x01\0\0\0\x05\0\0\0blk.0", False), (b"\xff\xfe", False)],
)
def test_a_text_is_told_from_a_matrix(tmp_path: Path, content: str | bytes, expected: bool) -> None:
    (tmp_path / "f").write_bytes(content.encode() if isinstance(content, str) else content)
    assert imatrix_source.is_text(tmp_path / "f") is expected


@pytest.mark.usefixtures("needs_engines")
def test_a_type_that_needs_a_matrix_says_so_before_anything_is_converted(spm: Path) -> None:
    with pytest.raises(UserError, match=r"IQ2_XS needs an importance matrix: set imatrix"):
        planning.plan(job(variant("llama.cpp", spm, "IQ2_XS")), WeightsFinder(lambda _: None))


@pytest.mark.usefixtures("needs_engines")
def test_a_matrix_where_nothing_is_quantized_is_an_error(spm: Path, spm_gguf: Path, text: Path) -> None:
    for weights, words in ((spm, "has no effect on F16"), (spm_gguf, "is quantized already")):
        with pytest.raises(UserError, match=words):
            planning.plan(job(variant("llama.cpp", weights, "F16", imatrix=str(text))), WeightsFinder(lambda _: None))
