"""Experiments as commands take them: checked whole, with prices and keys of the user; run by real processes; prompts of judges."""

import json
import os
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from qtui.errors import UserError
from qtui.judge_prompts import PAIRWISE_SLOTS, SLOTS, find_slots, read_template
from qtui.judges import prompt
from qtui.judges.protocol import Question, SecondAnswer
from qtui.records import JudgeSpec, Turn
from qtui.store import open_store, runs
from qtui.ui import keys
from tests.fuzz import arena, model_kinds, mutation, text_kinds
from tests.fuzz.arena import Kind
from tests.fuzz.commands import call, set_homes

PRICES = """\
[[prices.judge]]
input = 2.5
cached_input = 0.5
output = 10
currency = "USD"
batch = 0.5
base_url = "http://127.0.0.1:9/v1"

[[prices.judge]]
input = 1
output = 2

[prices."served-model"]
input = 0.1
output = 0.2
currency = "JPY"
"""
TEMPLATES = (
    "Question {input_text}\nReference {output_text}\nCriteria {eval_aspect}\nAnswer {pred} on {scale}",
    "{{ question }} {{ answer }} {{reference}} {{ criteria }}",
    "${question} ${answer} {\"grade\": 1} \\boxed{answer}",
    "Q: {question}\nA: {response}\nReply as {{\"grade\": 3}}",
    "[[INPUT]] <<ANSWER>> {}",
)  # fmt: skip
PIECES = (
    "{", "}", "{{", "}}", "{%", "%}", "{% for a in b %}{{ a }}{% endfor %}", "{answer}", "{{answer}}", "${answer}",
    "{answer.__class__}", "{0}", "{}", "{answer!r:>99999999}", "{" * 2000, "\\x{" * 500,
    "{{ " * 2000, "{% " * 2000, "\0", "\u202e", "{\ud800}",
    "{pred}{pred}", "{item.answer}", "{answer_a}{answer_b}", "{ANSWER}", "{回答}",
)  # fmt: skip
KEYS = (
    "n",
    "ctrl+n",
    "n,down",
    "",
    ",",
    "ctrl+",
    "f99",
    "é",
    "\x1b",
    "a" * 300,
    "ctrl+c",
    "escape",
    "tab,tab",
    "shift+ctrl+alt+x",
    "\ud800",
    " ",
)
RUN = """\
name = "fuzz"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 2
[[models]]
name = "one"
prompt = "plain"
[[models.variants]]
name = "F16"
engine = "llama.cpp"
weights = "m.gguf"
threads = 1
slots = 1
[[judges]]
kind = "reference"
"""


def _make_check(random: Random, folder: Path) -> None:
    text_kinds.make_experiment(random, folder)
    (folder / "config" / "qtui").mkdir(parents=True)
    prices = text_kinds.changed_toml(random, PRICES) if random.random() < 0.5 else PRICES.encode()
    (folder / "config" / "qtui" / "config.toml").write_bytes(prices)


def _read_check(folder: Path) -> None:
    """`qtui run --check`, with every variable that the experiment names set to something."""
    set_homes(folder)
    os.environ["OPENAI_API_KEY"] = "fuzz-key-0123456789"
    call(["--store", str(folder / "s.sqlite"), "run", "--check", str(folder / "e.toml")])


def _make_prices(random: Random, folder: Path) -> None:
    (folder / "config" / "qtui").mkdir(parents=True)
    (folder / "config" / "qtui" / "config.toml").write_bytes(text_kinds.changed_toml(random, PRICES))


def _read_prices(folder: Path) -> None:
    from qtui import config

    set_homes(folder)
    settings, problems = config.load_valid(key_ids=keys.ids())
    for model in ("judge", "served-model"):
        for address in (None, "http://127.0.0.1:9/v1", "http://[::1"):
            if price := settings.prices.of(model, address):
                price.of_tokens(10**9, 5, 7)
                price.batch_factor(address)
    if problems:
        raise UserError("\n".join(problems))


def _make_keymap(random: Random, folder: Path) -> None:
    (folder / "config" / "qtui").mkdir(parents=True)
    keymap: dict[str, Any] = {key: random.choice(KEYS) for key in random.sample(keys.ids(), 4)}
    keymap = mutation.changed_value(random, keymap)
    nested: Any = {key.partition(".")[0]: {key.partition(".")[2]: value} for key, value in keymap.items()}
    text = mutation.toml({"keymap": random.choice((keymap, keymap, nested))})
    data = mutation.changed_text(random, text) if random.random() < 0.3 else text.encode(errors="surrogatepass")
    (folder / "config" / "qtui" / "config.toml").write_bytes(data)


def _make_prompt(random: Random, folder: Path) -> None:
    text = random.choice(TEMPLATES)
    for _ in range(random.randint(0, 3)):
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(PIECES) + text[at + random.choice((0, 0, 1, 10)) :]
    names = [*SLOTS, *PAIRWISE_SLOTS, "text"]
    slots = {random.choice(names): random.choice(("[[INPUT]]", "<<ANSWER>>", "question", "", "{", "a" * 300, "(", ["{}", "["]))
             for _ in range(random.choice((0, 0, 1, 2)))}  # fmt: skip
    (folder / "p.json").write_text(json.dumps({"text": text, "slots": slots, "pairwise": random.random() < 0.3}))


def _read_prompt(folder: Path) -> None:
    """Read a template and fill it with texts that hold placeholders and delimiters themselves."""
    given = json.loads((folder / "p.json").read_text())
    is_pairwise = given["pairwise"]
    template = read_template(given["text"], given["slots"], is_pairwise=is_pairwise)
    find_slots(template, PAIRWISE_SLOTS if is_pairwise else SLOTS)
    spec = JudgeSpec("openai", "judge", prompt=template, pairwise=is_pairwise)
    prompt.check(spec)
    earlier = (Turn("{answer}", "}}{{"),)
    second = SecondAnswer("\\1 {pred}", earlier) if is_pairwise else None
    question = Question("{question}", "", "{{", "{input_text}\n[END]", earlier, second)
    sent = "\n".join(message["content"] for message in prompt.messages(spec, question))
    if prompt.as_sent(spec, question).answer not in sent:
        raise AssertionError("the answer does not stand in the prompt as it is")


def _make_run(random: Random, folder: Path) -> None:
    model_kinds.make_gguf(random, folder)
    (folder / "tasks.jsonl").write_text('{"input": "りんごは？", "output": "a"}\n')
    text = text_kinds.changed_toml(random, RUN) if random.random() < 0.1 else RUN.encode()
    (folder / "e.toml").write_bytes(text)


def _read_run(folder: Path) -> None:
    """`qtui run`, with a runner and a worker as processes of their own: a variant that fails has a sentence in the store."""
    set_homes(folder)
    store = folder / "s.sqlite"
    try:
        call(["--store", str(store), "run", str(folder / "e.toml")])
    finally:
        if store.exists():
            _check_variants(store)


def _check_variants(path: Path) -> None:
    with closing(open_store(path)) as store:
        variants = [variant for run in runs.summaries(store) for variant in run.variants]
    for variant in variants:
        if variant.state not in ("done", "failed"):
            raise AssertionError(f"a variant was left {variant.state}")
        if variant.state == "failed" and arena.fault_of(variant.reason, path.parent)[0] != arena.SENTENCE:
            raise AssertionError(f"a variant failed with {variant.reason[:300]!r}")


KINDS = (
    Kind("run check", _make_check, _read_check, weight=4, seconds=40.0),
    Kind("prices", _make_prices, _read_prices, weight=2),
    Kind("keymap", _make_keymap, _read_prices, weight=2),
    Kind("judge prompt", _make_prompt, _read_prompt, weight=6),
    Kind("run", _make_run, _read_run, prepare=model_kinds.prepare, seconds=60.0),
)
