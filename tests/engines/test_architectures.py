"""What the installed engines know is read from their own files."""

from pathlib import Path

import pytest

from qtui.engines import architectures
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError


def test_transformers_is_known_by_its_own_tables(needs_engines: None) -> None:
    from transformers.models.auto import modeling_auto

    known = architectures.transformers_types()
    assert known >= set(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert "tomorrow" not in known


def test_llama_cpp_is_known_by_its_library(needs_engines: None) -> None:
    assert all(architectures.knows_gguf(name) for name in ("llama", "qwen3moe", "gemma3"))
    assert not architectures.knows_gguf("tomorrow")


def test_a_converter_whose_list_is_not_found_refuses_nothing(tmp_path: Path) -> None:
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text("import conversion\n")
    assert architectures.converter_knows(script, "TomorrowForCausalLM")
    (tmp_path / "conversion").mkdir()
    (tmp_path / "conversion" / "llama.py").write_text('@ModelBase.register("LlamaForCausalLM")\n')
    assert not architectures.converter_knows(script, "TomorrowForCausalLM")


def test_a_folder_with_code_of_its_own_is_left_to_it_where_that_is_allowed(tmp_path: Path, needs_engines: None) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "tomorrow", "auto_map": {"AutoConfig": "code.Config"}}')
    weights = open_weights(tmp_path)
    architectures.check_transformers(weights, "org/model", trusts_code=True)
    with pytest.raises(UserError, match=r"org/model: .*\(tomorrow\).*trust_remote_code = true"):
        architectures.check_transformers(weights, "org/model", trusts_code=False)
