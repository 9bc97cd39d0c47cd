"""Two real models held against each other: what is equal is nothing apart, what was rounded more is further off."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from qtui.engines.available import untested
from qtui.engines.divergence.divergence_answer import split_answer
from qtui.engines.divergence.scoring import CHUNK
from qtui.engines.protocol.answering import Prompt, Request
from qtui.engines.protocol.divergence import (
    BaselineAnswer,
    ComparisonFinished,
    ComparisonProgress,
    ContentKeys,
    MeasuredAnswer,
)
from qtui.engines.weights.weights import open_weights
from qtui.records import FinishReason, Sampling, VariantSpec
from qtui.tasks import load_task_set
from tests.engines.conftest import QUESTIONS, variant
from tests.engines.divergence_process import comparison, failure, heard, kl, logp, mean_kl, measured

if TYPE_CHECKING:
    from qtui.engines.divergence.scoring_llama_cpp import LlamaCppScorer

DEMO_TASKS = 12
TEXTS = [
    (question, "りんごは三つ残ります。" * (1 + i % 3) + "残りは" * (i % 5)) for i, question in enumerate(QUESTIONS)
]


def demo_texts() -> list[tuple[str, str]]:
    """The demo's tasks with their reference answers for answers: what matters is that both models see the same."""
    return [(task.input, task.reference) for task in load_task_set("demo", base=None).tasks[:DEMO_TASKS]]


def demo_variant(name: str) -> VariantSpec:
    return variant("transformers" if name == "FP32" else "llama.cpp", "demo", name)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def scorer(bpe_gguf: Path) -> "LlamaCppScorer":
    from qtui.engines.divergence.scoring_llama_cpp import load_scorer

    requests = [Request(0, Prompt("問い", True), Sampling())]
    spec = variant("llama.cpp", bpe_gguf)
    return load_scorer(spec, open_weights(bpe_gguf), untested("llama.cpp"), requests, lambda _: None)


@pytest.mark.usefixtures("demo")
def test_control_arm_is_nearly_nothing_and_each_coarser_type_is_further_off(log: Path) -> None:
    texts = demo_texts()
    found = {
        name: mean_kl(measured(comparison(demo_variant("FP32"), demo_variant(name), texts), log))
        for name in ("F16", "Q8_0", "Q4_K_M", "Q2_K")
    }
    assert found["F16"] < 1e-5
    assert 10 * found["F16"] < found["Q8_0"] < found["Q4_K_M"] / 3
    assert found["Q4_K_M"] < found["Q2_K"] / 3
    assert found["Q2_K"] < 5


@pytest.mark.parametrize("engine", ["transformers", "llama.cpp"])
def test_model_against_itself_is_exactly_nothing(engine: str, spm: Path, log: Path) -> None:
    spec = variant(engine, spm, "F16")  # type: ignore[arg-type]
    found = measured(comparison(spec, spec, TEXTS), log)
    assert len(found) == len(TEXTS)
    for divergence in found.values():
        assert not kl(divergence).any()
        assert divergence.baseline_logp == divergence.candidate_logp
        assert divergence.first_difference is None


def test_two_gguf_files_are_compared_as_two_folders_are(spm: Path, spm_gguf: Path, log: Path) -> None:
    of_files = measured(comparison(variant("llama.cpp", spm_gguf), variant("llama.cpp", spm, "Q2_K"), TEXTS), log)
    of_folders = measured(
        comparison(variant("transformers", spm, "FP32"), variant("llama.cpp", spm, "Q2_K"), TEXTS), log
    )
    assert mean_kl(of_files) == pytest.approx(mean_kl(of_folders), rel=0.02)
    assert mean_kl(of_files) > 1e-4


def test_log_probabilities_are_those_of_the_model_fed_token_by_token(spm: Path, log: Path) -> None:
    import torch
    from transformers import LlamaForCausalLM

    from qtui.engines.prompts import rendering
    from qtui.engines.transformers.tokenizer import HubTokenizer

    spec = variant("transformers", spm, "FP32")
    text = TEXTS[4]
    (found,) = measured(comparison(spec, variant("llama.cpp", spm, "F16"), [text]), log).values()
    form = open_weights(spm).prompt_format
    tokenizer = HubTokenizer(open_weights(spm), space_after_special=form.space_after_special)
    (asked,) = rendering.render([text[0]], form)
    before, answer = tokenizer.tokens(asked), [*tokenizer.plain_tokens(text[1]), tokenizer.library.eos_token_id]
    model = LlamaForCausalLM.from_pretrained(spm, dtype=torch.float32)
    with torch.inference_mode():
        expected = [
            float(model(torch.tensor([[*before, *answer[:i]]])).logits[0, -1].double().log_softmax(-1)[token])
            for i, token in enumerate(answer)
        ]
    for side in logp(found):
        assert side == pytest.approx(np.array(expected), abs=2e-2)
    assert logp(found)[0] == pytest.approx(np.array(expected), abs=1e-4)


def test_company_and_order_do_not_matter(spm: Path, log: Path) -> None:
    asked = comparison(variant("transformers", spm, "FP32"), variant("llama.cpp", spm, "F16"), TEXTS)
    together = measured(asked, log)
    backwards = measured(asked, log, list(reversed(range(len(TEXTS)))))
    some = measured(asked, log, [3, 7])
    for index, divergence in together.items():
        assert float(kl(backwards[index]).mean()) == pytest.approx(float(kl(divergence).mean()), abs=1e-6)
    for index, divergence in some.items():
        assert float(kl(divergence).mean()) == pytest.approx(float(kl(together[index]).mean()), abs=1e-6)


@pytest.mark.parametrize("window", [None, 64])
def test_answers_longer_than_a_chunk_are_the_same_as_in_one_pass(
    window: int | None, spm: Path, tmp_path: Path, log: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from qtui.engines.prompts import rendering
    from qtui.engines.transformers.tokenizer import HubTokenizer

    folder = with_window(spm, tmp_path / "windowed", window) if window else spm
    texts = [(QUESTIONS[0], "昔々、山の奥に一匹のきつねが住んでいました。" * count) for count in (45, 2, 20)]
    spec = variant("transformers", folder, "FP32")
    found = measured(comparison(spec, spec, texts, finish="length"), log)
    form = open_weights(folder).prompt_format
    tokenizer = HubTokenizer(open_weights(folder), space_after_special=form.space_after_special)
    (asked,) = rendering.render([QUESTIONS[0]], form)
    before = tokenizer.tokens(asked)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for index, (_, text) in enumerate(texts):
        answer = tokenizer.plain_tokens(text)
        with torch.inference_mode():
            logits = model(torch.tensor([[*before, *answer]])).logits[0].double().log_softmax(-1)
        expected = logits[torch.arange(len(before) - 1, len(before) + len(answer) - 1), torch.tensor(answer)]
        assert found[index].tokens == len(answer)
        assert logp(found[index])[0] == pytest.approx(expected.numpy(), abs=1e-4)
    assert max(each.tokens for each in found.values()) > CHUNK


def with_window(folder: Path, target: Path, window: int) -> Path:
    """The same tokenizer on a model that only looks back so far."""
    import shutil

    import torch
    from transformers import LlamaConfig, MistralConfig, MistralForCausalLM

    shutil.copytree(folder, target)
    known = LlamaConfig.from_pretrained(folder).to_dict()
    same = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "max_position_embeddings", "bos_token_id", "eos_token_id", "initializer_range")  # fmt: skip
    torch.manual_seed(0)
    made: Any = MistralForCausalLM(MistralConfig(**{name: known[name] for name in same}, sliding_window=window))
    made.save_pretrained(target)
    return target


@pytest.mark.parametrize(
    ("finish", "completion_tokens", "stop", "is_scored"),
    [
        ("stop", None, (), True),
        ("length", None, (), False),
        ("unknown", None, (), False),
        ("stop", 4, ("。",), True),
        ("stop", 5, ("。",), False),
        ("stop", None, ("。",), False),
    ],
)
def test_end_token_is_scored_where_the_answer_ended_by_it(
    finish: FinishReason,
    completion_tokens: int | None,
    stop: tuple[str, ...],
    is_scored: bool,
    scorer: "LlamaCppScorer",
) -> None:
    found = split_answer(
        scorer, Prompt("問い", True), BaselineAnswer(0, "", "\x01\x02\x03\x04", finish, completion_tokens), stop=stop
    )
    assert len(found.answer) == 4
    assert found.has_end_token is is_scored
    assert len(found.fed.ids) - found.fed.first == 4 + is_scored


def test_empty_answer_is_its_end_token_or_nothing(spm: Path, log: Path) -> None:
    spec = variant("llama.cpp", spm, "F16")
    ended = measured(comparison(spec, spec, [("問い", "")]), log)
    cut_off = measured(comparison(spec, spec, [("問い", ""), ("問い", "答え")], finish="length"), log)
    assert ended[0].tokens == 1
    assert (cut_off[0].tokens, cut_off[0].first_difference) == (0, None)
    assert cut_off[1].tokens > 0


def test_half_a_character_at_the_cut_is_not_taken_for_text(spm: Path, log: Path) -> None:
    spec = variant("llama.cpp", spm, "F16")
    whole = measured(comparison(spec, spec, [("問い", "答えは")], finish="length"), log)
    cut = measured(comparison(spec, spec, [("問い", "答えは\ufffd\ufffd")], finish="length"), log)
    assert cut[0].baseline_logp == whole[0].baseline_logp


def test_first_difference_is_the_first_place_where_the_likeliest_tokens_differ(spm: Path, log: Path) -> None:
    found = measured(comparison(variant("transformers", spm, "FP32"), variant("llama.cpp", spm, "Q2_K"), TEXTS), log)
    first_differences = {index: each.first_difference for index, each in found.items() if each.first_difference}
    assert first_differences, "random weights in two bits never find the same tokens likeliest throughout"
    for index, first_difference in first_differences.items():
        flags = found[index].flags
        assert all(flag & 1 for flag in flags[: first_difference.token])
        assert not flags[first_difference.token] & 1
        assert 0 <= first_difference.character <= len(TEXTS[index][1])
        assert first_difference.baseline.baseline_p >= first_difference.candidate.baseline_p
        assert first_difference.candidate.candidate_p >= first_difference.baseline.candidate_p
        if flags[first_difference.token] & 2:
            chance = math.exp(logp(found[index])[0][first_difference.token])
            assert first_difference.baseline.baseline_p == pytest.approx(chance, rel=1e-5)


def test_models_with_different_tokenizers_are_refused_by_task(spm: Path, bpe: Path, log: Path) -> None:
    said = failure(comparison(variant("transformers", spm, "FP16"), variant("transformers", bpe, "FP32"), TEXTS), log)
    assert "FP16 and FP32 of tiny do not share a tokenizer" in said


def test_same_size_of_vocabulary_does_not_make_a_tokenizer(spm: Path, models: Path, log: Path) -> None:
    """Two pieces swapped: everything fits but the ids."""
    import shutil

    import sentencepiece.sentencepiece_model_pb2 as protocol

    other = models / "swapped"
    shutil.copytree(spm, other)
    message: Any = protocol
    model = message.ModelProto()
    model.ParseFromString((other / "tokenizer.model").read_bytes())
    one, two = [piece for piece in model.pieces if len(piece.piece) == 1 and "ぁ" < piece.piece < "ん"][:2]
    texts = [("1", one.piece), ("1", "1")]
    one.piece, two.piece = two.piece, one.piece
    (other / "tokenizer.model").write_bytes(model.SerializeToString())
    asked = comparison(variant("transformers", spm, "FP32"), variant("llama.cpp", other, "F16"), texts)
    assert (
        "task 1: FP32 and F16 of tiny do not share a tokenizer: they split the answer into different tokens"
        in failure(asked, log)
    )


def test_an_endpoint_is_refused_with_the_reason(spm: Path, log: Path) -> None:
    endpoint = VariantSpec("tiny", "Q4", "openai", "name", "Q4", base_url="http://localhost:1/v1")
    said = failure(comparison(variant("transformers", spm, "FP32"), endpoint, TEXTS), log)
    assert "tiny Q4: an endpoint does not return the probabilities of all tokens" in said


def test_keys_name_the_answer_and_both_sides_and_nothing_wanted_loads_nothing(spm: Path, log: Path) -> None:
    def keys(baseline: VariantSpec, candidate: VariantSpec) -> list[str]:
        said = list(heard(comparison(baseline, candidate, TEXTS[:2]), log, []))
        assert [type(each) for each in said[-2:]] == [ContentKeys, ComparisonFinished]
        return next(each.keys for each in said if isinstance(each, ContentKeys))

    full, q4, q2 = (variant("llama.cpp", spm, name) for name in ("F16", "Q4_K_M", "Q2_K"))
    found = [*keys(full, q4), *keys(full, q2), *keys(q4, full), *keys(full, full)]
    assert len(set(found)) == len(found)
    assert keys(full, variant("llama.cpp", spm, "Q4_K_M", slots=1, threads=2)) == keys(full, q4)


def test_answers_are_said_as_they_are_done(spm: Path, log: Path) -> None:
    spec = variant("transformers", spm, "FP32")
    said = [
        each
        for each in heard(comparison(spec, spec, TEXTS * 3), log)
        if isinstance(each, (MeasuredAnswer, ComparisonProgress, ComparisonFinished))
    ]
    assert isinstance(said[-1], ComparisonFinished)
    assert said[-1].scored == sum(each.divergence.tokens for each in said if isinstance(each, MeasuredAnswer))
    paces = [each for each in said if isinstance(each, ComparisonProgress)]
    assert paces
    assert all(0 < pace.tokens <= pace.total_tokens for pace in paces)
