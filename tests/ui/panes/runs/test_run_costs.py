"""What a run cost, in its details and in the form for a new one."""

from dataclasses import asdict, replace
from pathlib import Path

from qtui import config, paths
from qtui.judges import fingerprint
from qtui.prices import Price, Prices
from qtui.records import Answer, Grade, JudgeSpec, Task, TaskSet, Usage, content_hash
from qtui.store import Store, grades, new_runs
from qtui.ui.app import QtuiApp
from tests import stores
from tests.ui.waiting import screen_text, until_shown

SPEC = JudgeSpec("openai", "grader")
TASKS = TaskSet("two", (Task("a"), Task("b")))


def graded_run(store: Store) -> int:
    judge = new_runs.NewJudge(SPEC.label, 1, fingerprint(SPEC), asdict(SPEC))
    run_id = stores.new_run(store, "priced", TASKS, stores.variants(TASKS, ("FP16",)), judges=[judge])
    stores.answer_all(store, run_id, lambda _, number, __: Answer(content_hash("c", number), f"猫{number}", "stop"))
    for (key, number), place in grades.places(store, run_id).items():
        grade_key = grades.key(key, TASKS.tasks[number - 1].hash, SPEC.label, fingerprint(SPEC), 1)
        used = Usage(1, 1000, 400, 50)
        grades.commit(store, [(place, Grade(grade_key, SPEC.label, 1, 4, "r", fingerprint(SPEC), usage=used))])
    stores.finish(store, run_id)
    return run_id


async def test_details_show_what_the_judge_used_and_cost(store_path: Path, store: Store) -> None:
    graded_run(store)
    prices = Prices((("grader", Price(10.0, 100.0, 5.0)),))
    app = QtuiApp(store_path, config=replace(config.Config(), prices=prices))
    async with app.run_test(size=(110, 40)) as pilot:
        await until_shown(pilot, "2,000 tokens in (800 cached), 100 out; 0.026 USD")


async def test_price_that_is_not_set_is_said(store_path: Path, store: Store) -> None:
    graded_run(store)
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "price unknown")
        assert "[prices] of config.toml has no" in " ".join(screen_text(pilot).split())


async def test_form_for_a_new_run_says_what_it_will_cost(store_path: Path, store: Store) -> None:
    path = paths.config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('[prices."gpt-x"]\ninput = 1\noutput = 2\n', encoding="utf-8")
    async with QtuiApp(store_path).run_test(size=(180, 40)) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "Judges: reference.")
        pilot.app.screen.query_one("#judge").value = "gpt-x@http://127.0.0.1:9/v1"  # type: ignore[attr-defined]
        await until_shown(pilot, "judge openai:gpt-x: at most 104 requests")
        await until_shown(pilot, "USD")


async def test_judge_of_an_import_that_a_budget_stopped_is_waiting_and_not_imported(
    store_path: Path, store: Store
) -> None:
    judge = new_runs.NewJudge(SPEC.label, 1, fingerprint(SPEC), asdict(SPEC))
    variants = stores.variants(TASKS, ("FP16",))
    run_id = stores.new_run(store, "stopped", TASKS, variants, judges=[judge], source="import")
    stores.answer_all(store, run_id, lambda _, number, __: Answer(content_hash("s", number), f"猫{number}", "stop"))
    async with QtuiApp(store_path).run_test(size=(110, 40)) as pilot:
        await until_shown(pilot, "0/2")
        [line] = [line for line in screen_text(pilot).splitlines() if "0/2" in line]
        assert "· waiting" in line
