"""Answers of a model that is out to get the terminal, the markup and the layout, and a store that holds them."""

from qtui.records import Answer, FinishReason, Grade, Task, TaskSet, content_hash
from qtui.store import Store, answers, grades, runs

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
    names = (("FP16[/b]", True), ("Q4\x1b[5m", False))
    new = runs.NewRun(
        experiment="hostile[/INST]\x1b[2J",
        plan=content_hash("hostile"),
        definition="",
        source="import",
        origin="",
        task_set=tasks,
        variants=[
            runs.NewVariant("evil[/]\x1b[2J", name, first, "transformers", name, "", len(HOSTILE), {})
            for name, first in names
        ],
        judges=[runs.NewJudge("judge[/b]", 1, "f", {})],
    )
    run_id = runs.add(store, new)
    [summary] = runs.summaries(store, [run_id])
    for variant in summary.variants:
        for number, (task_id, task) in enumerate(runs.tasks(store, run_id)):
            text = HOSTILE[number] + ("" if variant.is_baseline else "。違い[/]")
            key = content_hash(variant.name, number)
            finish: FinishReason = "length" if number % 2 else "stop"
            answer_id = answers.commit(
                store, answers.Link(variant.id, task_id, 0), Answer(key, text, finish, 1, 2, 0.1)
            )
            grade = Grade(grades.key(key, task.hash, "judge[/b]", "f", 1), "judge[/b]", 1, 3, HOSTILE[number], "f")
            grades.commit(store, [(grades.Place(answer_id, task_id), grade)])
    return run_id
