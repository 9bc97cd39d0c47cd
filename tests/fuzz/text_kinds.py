"""Files that people write: experiments, settings, catalogs, themes, keymaps, task sets and their definitions, a study's folders."""

import asyncio
import gzip
import io
import json
import os
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from qtui import catalog, config, paths
from qtui.cli import cli
from qtui.experiment import experiment
from qtui.runner import prompt_check, start, weights_check
from qtui.store import open_store
from qtui.task_sets import definition
from qtui.task_sets.load import SetRequest, load_set
from qtui.tasks.columns import ColumnMap
from qtui.tasks.load import load_task_set
from qtui.ui import keys, themes
from tests.fuzz import mutation
from tests.fuzz.arena import Kind
from tests.fuzz.commands import set_homes

EXPERIMENT = """\
# Two engines, two judges, three scorers.
name = "fuzz"
tasks = "tasks.jsonl"
date = 2026-01-31

[sampling]
max_tokens = 64
temperature = 0.7
top_p = 0.9
top_k = 40
min_p = 0.05
repetition_penalty = 1.1
seed = 7
samples = 2
stop = ["###", "\\n\\n"]

[[models]]
name = "one"
baseline = "FP16"
prompt = "plain"
stop = ["!"]
control = true
noise_floor = true
thinking = true
template_args = { depth = 2, style = "short" }
thinking_tags = ["<think>", "</think>"]

  [[models.variants]]
  name = "FP16"
  engine = "transformers"
  weights = "demo"
  slots = 4
  context = 2048
  threads = 2

  [[models.variants]]
  name = "Q4_K_M"
  engine = "llama.cpp"
  weights = "demo"
  precision = "Q4_K_M"

  [[models.variants]]
  name = "served"
  engine = "openai"
  weights = "served-model"
  base_url = "http://127.0.0.1:9/v1"
  api = "chat"

[[judges]]
kind = "reference"

[[judges]]
kind = "openai"
model = "judge"
base_url = "http://127.0.0.1:9/v1"
takes = 2
prompt = "judge.txt"
scale = { 1 = "wrong", 2 = "right" }
concurrency = 4
temperature = 0.2
reasoning_effort = "low"

[[scorers]]
kind = "last_number"
tolerance = 0.1

[[scorers]]
kind = "regex"
pattern = "(a|b)+"
take = "first"

[[scorers]]
kind = "json_schema"
schema_file = "schema.json"
"""
CONFIG = """\
theme = "qtui-light"
margin = 0.3
mouse = false
converter = "llama"
task_sets = "sets"

[prices.gpt-4]
input = 2.5
output = 10

[keymap]
"compare.next" = "n,down"
runs.new = "ctrl+n"
help = "f1"
"""
TASKS = [
    {"input": "りんごは何個？", "output": "3", "eval_aspect": "数"},
    {"input": "What is 2+2?", "output": "4", "eval_aspect": ""},
    {"input": "Say \u2028 this", "output": ["a"], "eval_aspect": None},
]
DEFINITION = """\
title = "Set"
language = "en"
size = 3
max_tokens = 10
stop = ["Q:"]

[source]
path = "rows.jsonl"
split = "test"

[columns]
reference = "output"
choices = "choices"
right = "right"
right_is = "index"

[prompt]
question = "{input}\\n{choices}"
choice = "{letter}. {text}"
joint = "\\n"

[examples]
number = 1
inline = [{ input = "q", output = "a", choices = ["x", "y"], right = 0 }]

[scorer]
kind = "choice"
settings = { by = "letter" }
"""
ROWS = [{"input": f"q{number}", "output": "a", "choices": ["x", "y"], "right": number % 2} for number in range(3)]

UNCHANGED = 0.05
"""Of inputs, how many are as they should be: what follows the check of a file is reached."""


def changed_toml(random: Random, text: str, also: tuple[str, ...] = ()) -> bytes:
    text = random.choice((text, *also))
    if random.random() < UNCHANGED:
        return text.encode()
    if random.random() < 0.5:
        return mutation.changed_text(random, text)
    table = mutation.changed_value(random, tomllib.loads(text))
    return mutation.toml(table if isinstance(table, dict) else {"a": table}).encode(errors="surrogatepass")


def make_experiment(random: Random, folder: Path) -> None:
    demo = (paths.data() / "experiments" / "demo.toml").read_text(encoding="utf-8")
    (folder / "e.toml").write_bytes(changed_toml(random, EXPERIMENT, (demo,)))
    (folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in TASKS), encoding="utf-8")
    schema: Any = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    schema = mutation.changed_value(random, schema) if random.random() < 0.1 else schema
    (folder / "schema.json").write_text(json.dumps(schema))
    prompt = "Question {question}, answer {answer}, by {reference} and {criteria}."
    (folder / "judge.txt").write_bytes(
        mutation.changed_text(random, prompt) if random.random() < 0.1 else prompt.encode()
    )


def _read_experiment(folder: Path) -> None:
    found = experiment.load(folder / "e.toml", needs_judge_keys=False)
    weights_check.check_weights(found)
    prompt_check.prompt_notes(found)
    store = open_store(folder / "store.sqlite")
    try:
        start.add(store, found)
    finally:
        store.close()


def _in_user_folder(name: str, text: Callable[[], str]) -> Callable[[Random, Path], None]:
    def make(random: Random, folder: Path) -> None:
        (folder / "config" / "qtui").mkdir(parents=True)
        (folder / "config" / "qtui" / name).write_bytes(changed_toml(random, text()))

    return make


def _read_config(folder: Path) -> None:
    set_homes(folder)
    config.load(key_ids=keys.ids())


def _models() -> str:
    text = (paths.data() / "models.toml").read_text(encoding="utf-8")
    return "[[model]]" + "[[model]]".join(text.split("\n[[model]]")[1:4])


def _read_catalog(folder: Path) -> None:
    set_homes(folder)
    for entry in catalog.entries():
        _ = (entry.template, entry.weights_for("llama.cpp"))
    catalog.find("demo")


def _theme() -> str:
    return (paths.themes() / "dark.toml").read_text(encoding="utf-8")


def _make_theme(random: Random, folder: Path) -> None:
    (folder / "t.toml").write_bytes(changed_toml(random, _theme()))


def _read_theme(folder: Path) -> None:
    themes.load(folder / "t.toml").theme.to_color_system().generate()


def _make_workbench(random: Random, folder: Path) -> None:
    home = folder / "config" / "qtui"
    (home / "themes").mkdir(parents=True)
    text = _theme().replace('name = "qtui-dark"', 'name = "mine"')
    (home / "themes" / "mine.toml").write_bytes(changed_toml(random, text))
    table: Any = {"theme": "mine", "keymap": {key: random.choice((*mutation.STRINGS[:30], "n", "f5", "ctrl+x")) for key in
                                              random.sample(keys.ids(), 2)}}  # fmt: skip
    (home / "config.toml").write_text(mutation.toml(table), encoding="utf-8", errors="replace")


def _read_workbench(folder: Path) -> None:
    """Open the workbench, as `run` does; a bad theme or keymap must not stop it, so a UserError is none that is expected."""
    from qtui.ui import app as workbench

    set_homes(folder)
    settings, problems = workbench.settings()
    app = workbench.QtuiApp(folder / "store.sqlite", config=settings, notices=problems)

    async def look() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            await pilot.press("question_mark")
            await pilot.pause()
            app.export_screenshot()

    asyncio.run(look())


def _make_definition(random: Random, folder: Path) -> None:
    shipped = sorted((paths.data() / "task_sets").glob("*.toml"))
    others = (
        tuple(file.read_text(encoding="utf-8") for file in random.sample(shipped, 1)) if random.random() < 0.2 else ()
    )
    (folder / "mine.toml").write_bytes(changed_toml(random, DEFINITION, others))
    rows: Any = mutation.changed_value(random, ROWS) if random.random() < 0.3 else ROWS
    lines = rows if isinstance(rows, list) else [rows]
    (folder / "rows.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8", errors="replace"
    )


def _read_definition(folder: Path) -> None:
    if not definition.read(folder / "mine.toml").source.hub:
        load_set(SetRequest("mine.toml", limit=2), folder)


def _make_tasks(random: Random, folder: Path) -> None:
    suffix = random.choice(("jsonl", "json", "csv", "tsv", "ndjson"))
    tasks = mutation.changed_value(random, TASKS) if random.random() < 0.5 else TASKS
    tasks = tasks if isinstance(tasks, list) else [tasks]
    separator = "," if suffix == "csv" else "\t"
    text = {
        "json": json.dumps(tasks),
        "csv": "",
        "tsv": "",
    }.get(suffix, "".join(json.dumps(task, ensure_ascii=random.random() < 0.5) + "\n" for task in tasks))
    if not text:
        cells = (tuple(task.values()) if isinstance(task, dict) else (task,) for task in tasks)
        rows = [("input", "output", "eval_aspect"), *cells]
        text = "".join(separator.join(json.dumps(str(cell), ensure_ascii=False) for cell in row) + "\n" for row in rows)
    data = text.encode(errors="surrogatepass")
    if random.random() < 0.6:
        data = mutation.changed_text(random, text.encode(errors="replace").decode())
    name = random.choice((b"t", b"t", b"\xff\xfe", "タスク".encode(), b"a\nb"))
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name + b"." + suffix.encode())).write_bytes(data)


def _read_tasks(folder: Path) -> None:
    for file in folder.iterdir():
        task_set = load_task_set(str(file), columns=ColumnMap())
        _store_task_set(folder, task_set)


def _store_task_set(folder: Path, task_set: Any) -> None:
    from qtui.store import new_runs

    store = open_store(folder / "store.sqlite")
    try:
        run = new_runs.NewRun("e", "plan", "", "run", str(folder), task_set, [], [])
        new_runs.add(store, run)
    finally:
        store.close()


def _prepare_parquet(folder: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({
        "input": ["a", "b", "c"], "output": ["1", None, "3"], "eval_aspect": ["x", "y", "z"], "choices": [["a"], ["b"], []],
        "number": [1, 2, 3],
    })  # fmt: skip
    for name in ("none", "snappy", "zstd"):
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet", compression=name)


def _make_parquet(random: Random, folder: Path) -> None:
    data = random.choice(sorted((folder.parent / "real").glob("*.parquet"))).read_bytes()
    if random.random() < 0.5:  # names and types stand in the footer
        start = max(0, len(data) - 1500)
        data = data[:start] + mutation.changed_bytes(random, data[start:])
    else:
        data = mutation.changed_bytes(random, data)
    (folder / "t.parquet").write_bytes(data)


def _read_parquet(folder: Path) -> None:
    _store_task_set(folder, load_task_set(str(folder / "t.parquet")))


def _make_archive(random: Random, folder: Path) -> None:
    """The rows of a definition in a zip file or packed by gzip, damaged."""
    rows = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    text = DEFINITION
    if random.random() < 0.6:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for name in random.sample(("rows.jsonl", "../out.jsonl", "/abs.jsonl", "a\\b.jsonl", "日本.jsonl"), 2):
                archive.writestr(name, rows)
        (folder / "sets").mkdir()
        (folder / "sets" / "rows.zip").write_bytes(mutation.changed_bytes(random, buffer.getvalue()))
        text = text.replace('path = "rows.jsonl"', 'path = "sets"\narchive = "rows.zip"')
    else:
        (folder / "rows.jsonl.gz").write_bytes(mutation.changed_bytes(random, gzip.compress(rows, mtime=0)))
        text = text.replace("rows.jsonl", "rows.jsonl.gz")
    (folder / "mine.toml").write_text(text, encoding="utf-8")


NAMES = (
    b"calm2", b"calm2-gguf-q4km-hf", b"calm2_cmdr+", b"\xff\xfe", "モデル".encode(), b"a\nb", b"-gguf-", b"x" * 200, b"a b",
    b"calm2-gpt3.5", b".hidden", b"\xe3\x81", b"\x1b[31m",
)  # fmt: skip
FILES = (
    b"result_take2.jsonl", b"result_take9223372036854775808.jsonl", b"result_take99999999999999999999999.jsonl",
    b"result_take0.jsonl", b"Result.jsonl", b"\xff.jsonl", b"result_take\xd9\xa3.jsonl",
)  # fmt: skip


def _make_study(random: Random, folder: Path) -> None:
    tasks = [{"input_text": f"q{number}", "output_text": "a", "eval_aspect": "b"} for number in range(3)]
    files: dict[bytes, Any] = {
        b"dataset.jsonl": tasks,
        b"preds.jsonl": [{"pred": f"p{number}"} for number in range(3)],
        b"result.jsonl": [{"grade": number + 1, "reason": "r"} for number in range(3)],
    }
    top = os.fsencode(folder) + b"/study"
    for model in random.sample(NAMES, random.randint(1, 3)):
        place = top + b"/" + random.choice((b"org", b"org", b"\xfe")) + b"/" + model
        os.makedirs(place, exist_ok=True)  # noqa: PTH103 - names are bytes
        extra = {random.choice(FILES): files[b"result.jsonl"]} if random.random() < 0.4 else {}
        for name, rows in (files | extra).items():
            changed = mutation.changed_value(random, rows) if random.random() < 0.15 else rows
            lines = changed if isinstance(changed, list) else [changed]
            text = "".join(json.dumps(line) + "\n" for line in lines)
            data = mutation.changed_text(random, text) if random.random() < 0.1 else text.encode(errors="surrogatepass")
            Path(os.fsdecode(place + b"/" + name)).write_bytes(data)


def _read_study(folder: Path) -> None:
    set_homes(folder)
    arguments = ["--store", str(folder / "store.sqlite"), "import", "gpt4-autoeval", str(folder / "study")]
    cli.main([*arguments, *random_json(folder)], standalone_mode=False)
    cli.main(["--store", str(folder / "store.sqlite"), "scores", "--json"], standalone_mode=False)


def random_json(folder: Path) -> list[str]:
    """`--json` for half of the studies."""
    return ["--json"] if sum(os.fsencode(folder / "study")) % 2 else []


KINDS = (
    Kind("experiment", make_experiment, _read_experiment, weight=8),
    Kind("config", _in_user_folder("config.toml", lambda: CONFIG), _read_config, weight=2),
    Kind("models.toml", _in_user_folder("models.toml", _models), _read_catalog, weight=2),
    Kind("theme", _make_theme, _read_theme, weight=2),
    Kind("workbench", _make_workbench, _read_workbench),
    Kind("definition", _make_definition, _read_definition, weight=4),
    Kind("archive", _make_archive, _read_definition, weight=2),
    Kind("tasks", _make_tasks, _read_tasks, weight=6),
    Kind("parquet", _make_parquet, _read_parquet, weight=4, prepare=_prepare_parquet),
    Kind("study", _make_study, _read_study, weight=3),
)
