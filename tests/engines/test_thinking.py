"""A model that thinks, on every engine: thoughts and answer are two texts, and how to think reaches template and server."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qtui.engines import openai, planning
from qtui.engines.conversion import llama_folder
from qtui.engines.protocol.answering import Answered, Job, Planned, Progress, Request
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.records import EngineName, PromptSource, Thoughts, VariantSpec
from qtui.thinking.following import SWITCHES
from tests.engines.conftest import job, variant
from tests.engines.thinking_llama import ANSWER, CLOSING, OPENING, THOUGHT, thinking_llama
from tests.loaded_engine import loaded_engine
from tests.thinking_endpoint import served

LOCAL: tuple[EngineName, ...] = ("transformers", "llama.cpp")
WHOLE = f"{OPENING}{THOUGHT}{CLOSING}{ANSWER}"


@pytest.fixture(scope="session")
def thinking(models: Path) -> Path:
    return thinking_llama(models / "tiny-thinking")


@pytest.fixture(scope="session")
def thinking_special(models: Path) -> Path:
    """The same with tags that are special tokens."""
    return thinking_llama(models / "tiny-thinking-special", are_tags_special=True)


def spec(engine: EngineName, weights: Path, **settings: object) -> VariantSpec:
    return variant(engine, weights, "float32" if engine == "transformers" else "F32", **settings)


def plan(asked: Job) -> planning.Plan:
    return planning.plan(asked, WeightsFinder(lambda _: None))


def answered(asked: Job) -> tuple[Planned, Answered]:
    """The plan and the answer of a job with one item, in this process."""
    planned = plan(asked)
    requests = [Request(0, planned.prompts[0], asked.sampling)]
    engine: Any
    if planned.path:
        engine = loaded_engine(asked.variant, _weights(asked.variant, planned), requests)
    else:
        engine = openai.load_engine(asked.variant, requests)
    [answer] = [event for event in engine.answer(requests) if not isinstance(event, Progress)]
    return planned.planned, answer


def _weights(spec: VariantSpec, planned: planning.Plan) -> Path:
    """The folder, or the GGUF file that is made of it."""
    assert planned.path
    if spec.engine == "transformers":
        return planned.path
    target = planned.path.with_suffix(".gguf")
    if not target.exists():
        llama_folder.convert(open_weights(planned.path), target)
    return target


@pytest.mark.parametrize("engine", LOCAL)
@pytest.mark.parametrize("model", ["thinking", "thinking_special"])
def test_a_local_engine_tells_thoughts_from_the_answer_be_tags_special_tokens_or_not(
    engine: EngineName, model: str, request: pytest.FixtureRequest
) -> None:
    weights: Path = request.getfixturevalue(model)
    _, answer = answered(job(spec(engine, weights), ("山は？",)))
    assert (answer.text, answer.finish_reason) == (ANSWER, "stop")
    assert answer.thoughts == Thoughts(THOUGHT, WHOLE, tokens=3)
    assert answer.completion_tokens == 4


@pytest.mark.parametrize("engine", LOCAL)
def test_a_thought_that_the_limit_cuts_off_is_unfinished(engine: EngineName, thinking: Path) -> None:
    _, answer = answered(job(spec(engine, thinking), ("山は？",), max_tokens=2))
    assert (answer.text, answer.finish_reason) == ("", "length")
    assert answer.thoughts == Thoughts(THOUGHT, OPENING + THOUGHT, tokens=2, is_unfinished=True)


@pytest.mark.parametrize("engine", LOCAL)
def test_a_variant_that_is_not_to_think_answers_at_once(engine: EngineName, thinking: Path) -> None:
    planned, answer = answered(job(spec(engine, thinking, thinking=False), ("山は？",)))
    assert (answer.text, answer.thoughts) == (ANSWER, None)
    assert planned.facts.prompt_notes == ()


@pytest.mark.parametrize("engine", LOCAL)
@pytest.mark.parametrize("model", ["thinking", "thinking_special"])
def test_a_budget_closes_the_thought(engine: EngineName, model: str, request: pytest.FixtureRequest) -> None:
    weights: Path = request.getfixturevalue(model)
    _, answer = answered(job(spec(engine, weights, thinking_budget=1), ("山は？",)))
    assert answer.thoughts is not None
    assert (answer.thoughts.text, answer.thoughts.is_unfinished) == ("", False)
    assert answer.thoughts.whole
    assert answer.thoughts.whole.startswith(f"{OPENING}\n{CLOSING}\n\n")


def test_what_a_template_does_not_read_is_said_and_changes_no_key(thinking: Path) -> None:
    asked = job(spec("llama.cpp", thinking), ("山は？",))
    low = plan(Job(replace(asked.variant, thinking="low"), asked.sampling, asked.prompt, asked.items)).planned
    [note] = low.facts.prompt_notes or ()
    assert note.startswith(
        'thinking = "low" has no effect: the chat template of tiny-thinking reads only enable_thinking'
    )
    odd = replace(asked.variant, template_args={"colour": "red"})
    planned = plan(Job(odd, asked.sampling, asked.prompt, asked.items)).planned
    assert planned.facts.prompt_notes == (
        "the chat template of tiny-thinking does not read colour, so it has no effect",
    )
    assert planned.keys == low.keys == plan(asked).planned.keys


def test_what_a_template_reads_is_in_prompt_and_key(thinking: Path) -> None:
    asked = job(spec("llama.cpp", thinking), ("山は？",))
    keys = [
        plan(Job(replace(asked.variant, **fields), asked.sampling, asked.prompt, asked.items)).planned.keys[0]
        for fields in ({}, {"thinking": False}, {"template_args": {"date": "today"}}, {"thinking_budget": 4})
    ]
    assert len(set(keys)) == 4


def test_a_plain_prompt_cannot_switch_thinking(thinking: Path) -> None:
    asked = job(spec("llama.cpp", thinking, thinking=True), ("山は？",), PromptSource(template=""))
    assert plan(asked).planned.facts.prompt_notes == (
        "thinking = true has no effect, because the prompts are not made by a chat template",
    )


def test_a_template_that_asks_for_the_date_gets_that_of_the_job(models: Path) -> None:
    template = "{{ strftime_now('%d %b %Y') }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    weights = thinking_llama(models / "tiny-dated", template=template)
    asked = job(spec("llama.cpp", weights), ("山は？",))
    dated = [
        Job(asked.variant, asked.sampling, asked.prompt, asked.items, date=date)
        for date in ("2024-02-29", "2024-03-01")
    ]
    assert [plan(each).prompts[0].text for each in dated] == ["29 Feb 2024山は？", "01 Mar 2024山は？"]
    assert open_weights(weights).prompt_format.template == template


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": ANSWER, "reasoning_content": THOUGHT}, Thoughts(THOUGHT)),
        ({"content": ANSWER, "reasoning": f"\n{THOUGHT}\n"}, Thoughts(THOUGHT)),
        ({"content": WHOLE}, Thoughts(THOUGHT, WHOLE)),
        ({"content": f"{THOUGHT}\n{CLOSING}\n\n{ANSWER}"}, Thoughts(THOUGHT, f"{THOUGHT}\n{CLOSING}\n\n{ANSWER}")),
        ({"content": WHOLE, "reasoning_content": f"{THOUGHT}\n"}, Thoughts(THOUGHT)),
        ({"content": WHOLE, "reasoning": "別の"}, Thoughts(f"別の\n\n{THOUGHT}")),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": THOUGHT, "signature": "x"},
                    {"type": "text", "text": ANSWER},
                ]
            },
            Thoughts(THOUGHT),
        ),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
                    {"type": "text", "text": ANSWER},
                ]
            },
            Thoughts(THOUGHT),
        ),
        (
            {
                "content": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}"
            },
            Thoughts(
                THOUGHT,
                f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
            ),
        ),
        (
            {"content": f"analysis{THOUGHT}assistantfinal{ANSWER}"},
            Thoughts(THOUGHT, f"analysis{THOUGHT}assistantfinal{ANSWER}"),
        ),
        ({"content": ANSWER, "reasoning_content": None}, None),
        ({"content": ANSWER, "reasoning_content": 7}, None),
    ],
)
def test_an_endpoint_returns_thoughts_in_many_ways(message: dict[str, Any], expected: Thoughts | None) -> None:
    with served(message) as endpoint:
        _, answer = answered(job(variant("openai", "a-model", base_url=endpoint.url), ("山は？",)))
    assert (answer.text, answer.thoughts) == (ANSWER, expected)


def test_an_endpoint_that_was_cut_off_while_thinking_has_an_unfinished_thought() -> None:
    with served({"content": ""}, "length", completion_tokens_details={"reasoning_tokens": 5}) as endpoint:
        _, answer = answered(job(variant("openai", "a-model", base_url=endpoint.url), ("山は？",)))
    assert (answer.text, answer.thoughts) == ("", Thoughts("", tokens=5, is_unfinished=True))


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({}, {}),
        ({"thinking": False}, {"chat_template_kwargs": dict.fromkeys(SWITCHES, False)}),
        ({"thinking": True, "template_args": {"colour": 1}},
         {"chat_template_kwargs": {**dict.fromkeys(SWITCHES, True), "colour": 1}}),
        ({"thinking": "high"},
         {"reasoning_effort": "high",
          "chat_template_kwargs": {**dict.fromkeys(SWITCHES, True), "reasoning_effort": "high"}}),
    ],
)  # fmt: skip
def test_an_endpoint_is_told_how_to_think_and_only_if_the_variant_says(
    settings: dict[str, Any], sent: dict[str, Any]
) -> None:
    with served({"content": ANSWER}) as endpoint:
        asked = job(variant("openai", "a-model", base_url=endpoint.url, **settings), ("山は？",))
        planned, _ = answered(asked)
    [body] = endpoint.bodies
    assert {name: body[name] for name in ("reasoning_effort", "chat_template_kwargs") if name in body} == sent
    plain = Job(replace(asked.variant, thinking=None, template_args=None), asked.sampling, asked.prompt, asked.items)
    assert (planned.keys == plan(plain).planned.keys) == (not settings)
