"""Answers of a model that is out to get the terminal, the markup and the layout, and a store that holds them."""

from qtui.records import Answer, Task, TaskSet, content_hash
from qtui.run_progress import VariantProgress
from qtui.store import Store, new_runs
from tests import stores

HOSTILE = (
    "\x1b[2J\x1b[31mred\x1b[0m\x1b]52;c;aGVsbG8=\x07 \x9b5n bell\x07 back\x08space",
    "[/INST] [bold]not bold[/bold] [/] [red on blue] [link=x] \\[ $accent @click=app.quit()",
    "\u202eoverride\u202c \u2066isolate\u2069 zero\u200bwidth\u200djoin\ufeff \u2028line",
    "nul\x00nul\x00",
    "あ" * 100_000,
    "e" + "\u0301" * 5_000 + "\n\n\n" + "\t" * 50,
    "",
    " \n\u3000",
    "👨\u200d👩\u200d👧 👍🏽 1\ufe0f\u20e3 ❤\ufe0f 🇯🇵",
    "\ufffe\uffff\U000e0041tags",
)
"""What may be in an answer. (A lone surrogate cannot be: SQLite takes no text that is not Unicode.)"""


def fill(store: Store) -> int:
    """One model, two variants, a task per hostile text, which is also task, reference, criteria and reason. The run's id."""
    tasks = TaskSet("hostile", tuple(Task(f"{number}\n{text}", text, text) for number, text in enumerate(HOSTILE, 1)))
    baseline, candidate = "FP16[/b]", "Q4\x1b[5m"

    def answer(variant: VariantProgress, number: int, _: Task) -> Answer:
        text = HOSTILE[number - 1] + ("" if variant.is_baseline else "。違い[/]")
        return Answer(content_hash(variant.name, number), text, "stop" if number % 2 else "length", 1, 2, 0.1)

    run_id = stores.new_run(
        store,
        "hostile[/INST]\x1b[2J",
        tasks,
        stores.variants(tasks, (baseline, candidate), "evil[/]\x1b[2J", baseline=baseline, engine="transformers"),
        judges=[new_runs.NewJudge("judge[/b]", 1, "f", {})],
        source="import",
    )
    stores.answer_all(store, run_id, answer)
    values = dict.fromkeys((baseline, candidate), [3] * len(HOSTILE))
    stores.grade(store, run_id, values, judge="judge[/b]", reasons=HOSTILE)
    return run_id
