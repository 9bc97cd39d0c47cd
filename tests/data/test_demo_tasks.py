"""The demo's tasks, its training text and the shipped model hold what data/demo/README.md says of them."""

import hashlib
import importlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[2] / "data"
DEMO = DATA / "demo"
TASKS: list[dict[str, str]] = [
    json.loads(line) for line in (DATA / "tasks" / "demo.jsonl").read_text(encoding="utf-8").splitlines()
]
Answer = Callable[[str], tuple[str, bool]]


def test_there_are_at_least_forty_tasks_with_the_keys_of_elyza_tasks() -> None:
    assert len(TASKS) >= 40
    assert all(list(task) == ["input", "output", "eval_aspect"] for task in TASKS)
    assert all(value == value.strip() and value for task in TASKS for value in task.values())


def test_no_task_is_there_twice() -> None:
    assert len({task["input"] for task in TASKS}) == len(TASKS)


def test_references_have_different_lengths() -> None:
    lengths = [len(task["output"]) for task in TASKS]
    assert min(lengths) <= 3
    assert max(lengths) >= 100


def test_training_text_never_asks_a_demo_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DEMO))
    training_text = importlib.import_module("training_text")
    inputs = frozenset(task["input"] for task in TASKS)
    free = {question for question, _ in itertools.islice(training_text.pairs(1, frozenset()), 30_000)}
    kept = {question for question, _ in itertools.islice(training_text.pairs(1, inputs), 30_000)}
    assert inputs & free, "without the exclusion some demo task is met, so the exclusion is put to the test"
    assert not inputs & kept


def test_demo_folder_is_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in DEMO.iterdir() if path.is_file()) < 12_000_000


def test_readme_names_the_shipped_weights() -> None:
    digest = hashlib.sha256((DEMO / "model.safetensors").read_bytes()).hexdigest()
    assert digest in (DEMO / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    transformers = pytest.importorskip("transformers", reason="the engines extra is not installed")
    return transformers.AutoTokenizer.from_pretrained(DEMO)


@pytest.fixture(scope="module")
def answer(tokenizer: Any) -> Answer:
    """Greedy text of the model for one task input, and whether it ended by itself."""
    torch = pytest.importorskip("torch", reason="the engines extra is not installed")
    transformers = pytest.importorskip("transformers", reason="the engines extra is not installed")
    model = transformers.AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32)

    def generate(question: str) -> tuple[str, bool]:
        turn = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        tokens = model.generate(**prompt, max_new_tokens=256, do_sample=False)[0]
        new = tokens[prompt["input_ids"].shape[1] :]
        return tokenizer.decode(new, skip_special_tokens=True), bool(new[-1] == tokenizer.eos_token_id)

    return generate


@pytest.mark.engine
@pytest.mark.parametrize(
    "text",
    ["日本語の文。\n改行\t 12 345  空白", "def f(x):\n    return 1", "髙ｶﾅ😀 薔薇", *(t["output"] for t in TASKS)],
)
def test_tokenizer_gives_back_what_it_was_given(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


@pytest.mark.engine
def test_chat_template_puts_one_bos_before_several_turns(tokenizer: Any) -> None:
    turns = [
        {"role": "user", "content": "こんにちは"},
        {"role": "assistant", "content": "はい"},
        {"role": "user", "content": "今日は何曜日ですか。"},
    ]
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1
    assert ids.count(tokenizer.eos_token_id) == 1


@pytest.mark.engine
def test_greedy_answers_end_by_themselves_and_some_are_right(answer: Answer) -> None:
    short = [task for task in TASKS if len(task["output"]) <= 12][:12]
    answers = [answer(task["input"]) for task in short]
    assert all(ended for _, ended in answers)
    assert sum(text == task["output"] for (text, _), task in zip(answers, short, strict=True)) >= len(short) / 3
