"""Answers of a batch are those of a pass over the whole text at every step, whatever the model keeps of what it has read."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from qtui.engines.protocol.answering import Answered, Prompt, Request
from qtui.records import Sampling
from tests.engines.conftest import variant
from tests.loaded_engine import loaded_engine
from tests.zoo import checkpoint, kinds
from tests.zoo.kinds import KINDS, Kind

TEXTS = (
    "りんごが五つ、みかんが八つあります。",
    "空は青いのですか",
    "次の文章を三つの要点に まとめてください。",
    "昔々、山の奥に",
)
MAX_TOKENS = 10

SIBLINGS: Sequence[Kind] = (
    Kind("RWKV", "RwkvConfig", kinds.GPT_2, kinds.NEOX, "",
         {"hidden_size": 64, "attention_hidden_size": 64, "num_hidden_layers": 2, "context_length": 128}, sized=False),
    Kind("Jamba", "JambaConfig", kinds.GPT_2, kinds.NEOX, "",
         {"num_experts": 2, "attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1,
          "use_mamba_kernels": False, "mamba_d_state": 16}),
    Kind("RecurrentGemma", "RecurrentGemmaConfig", kinds.GPT_2, kinds.NEOX, "",
         {"lru_width": 64, "head_dim": 16, "attention_window_size": 64, "block_types": ["recurrent", "attention"]}),
    Kind("Bamba", "BambaConfig", kinds.GPT_2, kinds.NEOX, "",
         {**kinds.MAMBA_2, "attn_layer_indices": [1], "mamba_n_groups": 1}),
    Kind("LFM2 MoE", "Lfm2MoeConfig", kinds.GPT_2, kinds.NEOX, "",
         {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "num_dense_layers": 1,
          "layer_types": ["conv", "full_attention"]}),
)  # fmt: skip
"""Other models with a state, which no row of the zoo names."""

WITH_A_STATE = (
    "Mamba", "Mamba 2", "Falcon Mamba", "Falcon-H1", "Granite 4", "Nemotron-H", "Nemotron 3 Nano", "LFM2",
    "Qwen3-Next", "Qwen3.5", "Gemma 4",
)  # fmt: skip


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.name in WITH_A_STATE] + list(SIBLINGS), ids=lambda kind: kind.slug
)
def test_rows_that_are_refilled_and_dropped_answer_as_alone(kind: Kind, tmp_path: Path, needs_engines: None) -> None:
    checkpoint.write(kind, tmp_path / "model")
    # Answers end at different steps, so that rows are dropped while others continue.
    requests = [
        Request(number, Prompt(text, bos=False), Sampling(temperature=0.0, max_tokens=MAX_TOKENS - 2 * number))
        for number, text in enumerate(TEXTS)
    ]
    engine = loaded_engine(variant("transformers", tmp_path / "model", "F32", slots=3), tmp_path / "model", requests)
    found = {each.index: each for each in engine.answer(requests) if isinstance(each, Answered)}
    assert {index: each.text for index, each in found.items()} == {
        request.index: _answer_by_whole_passes(engine, request) for request in requests
    }


def _answer_by_whole_passes(engine: object, request: Request) -> str:
    import torch

    model, tokenizer = engine.model, engine.tokenizer  # type: ignore[attr-defined]
    ids = list(engine.prompts[request.index])  # type: ignore[attr-defined]
    drawn: list[int] = []
    while len(drawn) < request.sampling.max_tokens:
        with torch.inference_mode():
            token = int(model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
        if token in engine.end_tokens.always:  # type: ignore[attr-defined]
            break
        ids.append(token)
        drawn.append(token)
    return b"".join(map(tokenizer.piece, drawn)).decode(errors="replace")
