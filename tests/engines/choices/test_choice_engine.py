"""Likelihoods of choices on both engines: those that transformers gives for prompt and choice read as one text, one by one."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from qtui.engines import loading, planning
from qtui.engines.conversion import gguf_cache
from qtui.engines.protocol.answering import Answered, Item, Job, Request, Unanswered
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.records import ChoiceScore, PromptSource, Sampling, VariantSpec
from tests.engines.conftest import variant

TASKS = (
    ("def add(a, b):\n    return", ("a + b", "a", "b + a + 1", " c")),
    ("東京は日本の", ("首都です。", "夏", "冬の朝", "猫")),
    ("Question: what is it?\nAnswer:", ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J")),
    ("trailing space ", ("one", "two", "one two three")),
)


@pytest.fixture(scope="module")
def spm_f32(models: Path) -> tuple[Path, Path]:
    """A checkpoint in float32 and its GGUF file."""
    from tests.engines.tiny_llama import sentencepiece_llama

    folder = sentencepiece_llama(models / "choices", dtype="float32")
    return folder, gguf_cache.quantized_gguf(open_weights(folder), "F32", "test", lambda _: None)


def items(tasks: Sequence[tuple[str, tuple[str, ...]]] = TASKS, before: str | None = None) -> list[Item]:
    return [Item(number, 0, text, (), choices, before) for number, (text, choices) in enumerate(tasks, 1)]


def found(spec: VariantSpec, asked: list[Item], prompt: PromptSource) -> dict[int, Any]:
    """The answers by index, by the way of a worker."""
    job = Job(spec, Sampling(max_tokens=4), prompt, asked)
    plan = planning.plan(job, WeightsFinder(lambda _: None))
    requests = [Request(i, made, job.sampling) for i, made in enumerate(plan.prompts)]
    engine = loading.load_choice_engine(spec, plan, requests, lambda _: None)
    return {each.index: each for each in engine.answer(requests) if isinstance(each, Answered | Unanswered)}


def expected(folder: Path, text: str, continuations: Sequence[str], *, bos: bool) -> list[tuple[float, int]]:
    """By transformers alone, by lm-evaluation-harness' rule: (sum of log-probabilities, tokens) per choice."""
    import torch
    import transformers

    tokenizer: Any = transformers.LlamaTokenizer.from_pretrained(folder)
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    context, start = text.rstrip(), [tokenizer.bos_token_id] if bos else []
    size = len(tokenizer(context, add_special_tokens=False)["input_ids"]) + len(start)
    sums = []
    for continuation in continuations:
        ids = start + tokenizer(context + text[len(context) :] + continuation, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logp = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        sums.append((math.fsum(float(logp[i - 1, ids[i]]) for i in range(size, len(ids))), len(ids) - size))
    return sums


PLAIN = PromptSource(template="")


@pytest.mark.parametrize("engine", ["transformers", "llama.cpp"])
def test_likelihoods_are_those_of_the_whole_text_read_alone(spm_f32: tuple[Path, Path], engine: str) -> None:
    folder, file = spm_f32
    is_hub = engine == "transformers"
    spec = variant("transformers", folder, "float32") if is_hub else variant("llama.cpp", file, "F32")
    answers = found(spec, items(), PLAIN)
    for index, (text, choices) in enumerate(TASKS):
        right = expected(folder, text, [" " + choice for choice in choices], bos=True)
        scores = answers[index].choice_scores
        assert [score.text for score in scores] == list(choices)
        assert [score.tokens for score in scores] == [tokens for _, tokens in right]
        assert [score.characters for score in scores] == [len(choice) for choice in choices]
        assert [score.log_likelihood for score in scores] == pytest.approx([value for value, _ in right], abs=2e-3)
        assert answers[index].text == max(scores, key=lambda each: each.log_likelihood).text


def test_both_engines_give_the_same_ids_and_likelihoods_after_a_chat_template(spm_f32: tuple[Path, Path]) -> None:
    folder, file = spm_f32
    template = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: \n"
    prompt = PromptSource(template=template)
    sides = [
        found(variant("transformers", folder, "float32"), items(), prompt),
        found(variant("llama.cpp", file, "F32"), items(), PromptSource(template=template, weights=str(folder))),
    ]
    for index in sides[0]:
        hub, gguf = sides[0][index], sides[1][index]
        assert hub.prompt_ids_hash == gguf.prompt_ids_hash
        assert sums(hub.choice_scores) == pytest.approx(sums(gguf.choice_scores), abs=2e-3)
        assert [score.tokens for score in hub.choice_scores] == [score.tokens for score in gguf.choice_scores]


def test_nothing_but_what_the_scorer_names_stands_before_a_choice(spm_f32: tuple[Path, Path]) -> None:
    folder, _ = spm_f32
    text, choices = TASKS[1]
    answer = found(variant("transformers", folder, "float32"), items(((text, choices),), before=""), PLAIN)[0]
    right = expected(folder, text, choices, bos=True)
    assert sums(answer.choice_scores) == pytest.approx([value for value, _ in right], abs=2e-3)


def test_a_choice_that_cannot_be_scored_costs_only_its_task(spm_f32: tuple[Path, Path]) -> None:
    _, file = spm_f32
    asked = items((("ok", ("a", "b")), ("empty", ("a", "")), ("long " * 200, ("a", "b"))), before="")
    answers = found(variant("llama.cpp", file, "F32", context=64), asked, PLAIN)
    assert isinstance(answers[0], Answered)
    assert "choice 2 ('') adds no token" in answers[1].reason
    assert "the context only 64" in answers[2].reason


def test_a_key_covers_prompt_and_choices_and_no_sampling(spm_f32: tuple[Path, Path]) -> None:
    _, file = spm_f32
    spec = variant("llama.cpp", file, "F32")

    def keys(asked: list[Item], **sampling: Any) -> list[str]:
        return planning.plan(Job(spec, Sampling(**sampling), PLAIN, asked), WeightsFinder(lambda _: None)).planned.keys

    first = keys(items())
    assert first == keys(items(), max_tokens=7, seed=3)
    assert not set(first) & set(keys(items(before="")))
    assert not set(first) & set(keys([Item(item.task, 0, item.input) for item in items()]))
    assert not set(first) & set(keys(items(tuple((text, choices[::-1]) for text, choices in TASKS))))


def sums(scores: Sequence[ChoiceScore]) -> list[float]:
    return [score.log_likelihood for score in scores]
