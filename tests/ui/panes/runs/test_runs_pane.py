import time
from pathlib import Path

from rich.style import Style

from qtui.records import Answer, Task, TaskSet, Thoughts, content_hash
from qtui.store import Store, leases, new_runs, runs
from qtui.ui.app import QtuiApp
from qtui.ui.panes.runs.pane import RunsPane
from qtui.ui.panes.runs.run_lines import run_lines
from qtui.ui.widgets.lines import ROLES
from qtui.variant_facts import VariantFacts
from tests import stores
from tests.ui.conftest import fill
from tests.ui.waiting import screen_text, until, until_shown

REASON = (
    "the process was killed for memory: it needs about 14 GB and this machine has 7.8 GB. "
    "Use a smaller precision, or a machine with more memory."
)


def begin(store: Store, name: str = "live", tasks: int = 10, ends: tuple[str, ...] = ()) -> int:
    """A run that this process holds the lease of, so that it counts as running."""
    task_set = TaskSet("ten", tuple(Task(f"task {i}") for i in range(tasks)))
    run_id = stores.new_run(
        store,
        name,
        task_set,
        stores.variants(task_set, ("FP16", "Q4_K_M")),
        judges=[new_runs.NewJudge("reference", 1, "f", {})],
        origin="/experiments/live.toml",
    )
    stores.begin(store, run_id, ends, time.time() + 3 * 24 * 3600 if ends else None)
    return run_id


def answer(store: Store, run_id: int, variant: int, count: int) -> list[int]:
    """Give the first tasks an answer of the variant at this index. The answers' ids."""
    name = runs.summaries(store, [run_id])[0].variants[variant].name
    return [
        stores.answer(
            store, run_id, name, number, Answer(content_hash(run_id, variant, number), "答え", "stop", 1, 2, 0.1)
        )
        for number in range(1, count + 1)
    ]


async def test_a_run_is_shown_as_it_goes_on(store_path: Path, store: Store) -> None:
    run_id = begin(store)
    variant = runs.summaries(store, [run_id])[0].variants[0].id
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_shown(pilot, "0/20")
        answer(store, run_id, 0, 4)
        facts = VariantFacts(tokens_per_second=52.34, rss_bytes=3 * 2**30)
        runs.set_variant(store, variant, state="answering", facts=facts)
        await until_shown(pilot, "4/10")
        [line] = [line for line in screen_text(pilot).splitlines() if "4/10" in line]
        for figure in ("FP16 (baseline)", "▶ answering", "52.3", "3.0 GB"):
            assert figure in line
        await until_shown(pilot, "live running 4 of 20")


async def test_the_time_left_is_reckoned_from_answers_made_since_loading(store_path: Path, store: Store) -> None:
    run_id = begin(store)
    variant = runs.summaries(store, [run_id])[0].variants[0].id
    answer(store, run_id, 0, 6)
    facts = VariantFacts(answering_started=time.time() - 20, known=4)
    runs.set_variant(store, variant, state="answering", facts=facts)
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_shown(pilot, "6/10")
        # Two answers in 20 s, four to go.
        await until(pilot, lambda: any(f" 0:4{i}" in screen_text(pilot) for i in range(10)))


async def test_a_reason_is_shown_in_full_at_80_columns(store_path: Path, store: Store) -> None:
    run_id = begin(store)
    variant = runs.summaries(store, [run_id])[0].variants[0].id
    runs.set_variant(store, variant, state="failed", reason=REASON)
    app = QtuiApp(store_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "✗ failed")
        shown = " ".join(screen_text(pilot).split())
        assert REASON in shown


async def test_hostile_names_and_reasons_reach_the_screen_harmlessly(store_path: Path, store: Store) -> None:
    run_id = fill(store, "[/INST]\x1b]0;owned\x07", ("evil\x1b[2J[bold]",))
    variant = runs.summaries(store, [run_id])[0].variants[0].id
    runs.set_variant(store, variant, state="failed", reason="[/foo] \x9b31m\u202etxt.exe\nsecond line")
    app = QtuiApp(store_path)
    async with app.run_test(size=(160, 40)) as pilot:
        await until_shown(pilot, "[/foo]")
        shown = screen_text(pilot)
        assert "[/INST]" in shown
        assert "evil[2J[bold]" in shown
        assert [c for c in shown if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c == "\u202e"] == []


async def test_p_asks_the_runner_to_pause_and_to_go_on(store_path: Path, store: Store) -> None:
    run_id = begin(store)
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "▶ running")
        await pilot.press("p")
        await until(pilot, lambda: runs.requested(store, run_id) == "pause")
        runs.set_state(store, run_id, "paused")
        await until_shown(pilot, "‖ paused")
        await pilot.press("p")
        await until(pilot, lambda: runs.requested(store, run_id) == "")


async def test_cancel_asks_first_and_no_is_the_default(store_path: Path, store: Store) -> None:
    run_id = begin(store)
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "▶ running")
        await pilot.press("x")
        await until_shown(pilot, "Cancel live?")
        await pilot.press("enter")
        await pilot.pause()
        assert runs.requested(store, run_id) == ""
        await pilot.press("x")
        await until_shown(pilot, "Cancel live?")
        await pilot.press("y")
        await until(pilot, lambda: runs.requested(store, run_id) == "cancel")


async def test_a_running_run_cannot_be_deleted_and_a_finished_one_can(store_path: Path, store: Store) -> None:
    run_id = begin(store)
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "▶ running")
        await pilot.press("d")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        runs.set_state(store, run_id, "done")
        await until_shown(pilot, "✓ done")
        await pilot.press("d")
        await until_shown(pilot, "Delete run 1 of live")
        await pilot.press("y")
        await until_shown(pilot, "No runs yet")
        assert runs.summaries(store) == []


async def test_enter_narrows_the_scope_and_a_widens_it_again(store_path: Path, store: Store, study: int) -> None:
    other = fill(store, "other", ("org/other",))
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "other")
        await pilot.press("enter")
        main = app.screen_stack[0]
        await until(pilot, lambda: main.tabs.current == "scores")  # type: ignore[attr-defined]
        assert main.scope.run_ids == (other,)  # type: ignore[attr-defined]
        await pilot.press("1")
        await until_shown(pilot, "◉ only this run is shown")
        await pilot.press("a")
        await until(pilot, lambda: main.scope.run_ids == (study, other))  # type: ignore[attr-defined]


async def test_the_selected_run_stays_selected_when_a_new_one_comes_above_it(store_path: Path, store: Store) -> None:
    fill(store, "first")
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "first")
        fill(store, "second")
        await until_shown(pilot, "second")
        pane = app.screen_stack[0].query_one(RunsPane)
        assert pane.selected is not None
        assert pane.selected.experiment == "first"


async def test_an_interrupted_run_says_how_it_goes_on(store_path: Path, store: Store) -> None:
    run_id = begin(store)
    leases.release(store, run_id)
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "! interrupted")
        await until_shown(pilot, "The runner stopped unexpectedly (killed, or power lost).")
        await until_shown(pilot, "Nothing is lost; press r to resume.")
        await until_shown(pilot, "r Resume")


def answered_at(store: Store, run_id: int, *moments: float) -> None:
    """Give one answer of the first variant at every moment."""
    for answer_id, moment in zip(answer(store, run_id, 0, len(moments)), moments, strict=True):
        stores.date_answer(store, answer_id, moment)


def heading(store: Store, run_id: int, state: str, ended: float | None) -> str:
    """The first lines of a run that began at 1000."""
    stores.date_run(store, run_id, state, started=1000, ended=ended)
    [run] = runs.summaries(store, [run_id])
    return " ".join(line.plain for line in run_lines(run, 100, dict.fromkeys(ROLES, Style()), now=9e9)[:3])


def test_the_time_between_an_interruption_and_the_resumption_is_not_worked(store: Store) -> None:
    run_id = begin(store)
    answered_at(store, run_id, 1010, 1020, 1630)
    facts = VariantFacts(answering_started=1620, load_seconds=5)
    runs.set_variant(store, runs.summaries(store, [run_id])[0].variants[0].id, facts=facts)
    assert "took 0:35 (resumed" in heading(store, run_id, "done", 1640)


def test_an_answer_of_an_earlier_run_is_no_sign_of_an_interruption(store: Store) -> None:
    run_id = begin(store)
    answered_at(store, run_id, 900, 1020, 1030)
    runs.set_variant(
        store, runs.summaries(store, [run_id])[0].variants[0].id, facts=VariantFacts(answering_started=1015)
    )
    assert "took 0:30 ·" in heading(store, run_id, "done", 1040)


def test_starting_a_whole_run_once_more_is_no_work(store: Store) -> None:
    run_id = begin(store)
    answered_at(store, run_id, 1010, 1020)
    assert "took 0:20 ·" in heading(store, run_id, "done", 90_000)


def test_the_clock_of_a_run_that_broke_off_stands_still(store: Store) -> None:
    run_id = begin(store)
    answered_at(store, run_id, 1010, 1090)
    leases.release(store, run_id)
    assert "1:30 until the interruption" in heading(store, run_id, "running", None)


async def test_run_in_a_job_says_when_the_job_ends_it(store_path: Path, store: Store) -> None:
    begin(store, ends=("with Slurm job 4711",))
    app = QtuiApp(store_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Ends with Slurm job 4711, on ")
        assert " at the latest." in screen_text(pilot)


def test_run_that_ended_with_its_job_names_the_job(store: Store) -> None:
    run_id = begin(store, ends=("with Slurm job 4711",))
    stores.lose_runner(store, run_id)
    lines = [line.plain for line in run_lines(runs.summaries(store, [run_id])[0], 100, dict.fromkeys(ROLES, Style()))]
    assert "It was expected to end with Slurm job 4711." in lines
    assert not any(line.startswith("Ends ") for line in lines)


def test_run_that_is_over_says_nothing_of_a_job(store: Store) -> None:
    run_id = begin(store, ends=("with Slurm job 4711",))
    runs.set_state(store, run_id, "done")
    leases.release(store, run_id)
    lines = run_lines(runs.summaries(store, [run_id])[0], 100, dict.fromkeys(ROLES, Style()))
    assert "Slurm" not in "".join(line.plain for line in lines)


def test_a_variant_whose_thoughts_do_not_fit_its_setting_says_so(store: Store) -> None:
    run_id = begin(store)
    [run] = runs.summaries(store, [run_id])
    for variant, thinking in zip(run.variants, ("false", "true"), strict=True):
        runs.set_variant(store, variant.id, conditions={"thinking": f'{{"thinking": {thinking}}}'})
        given = Answer(variant.name, "答え", "stop", thoughts=Thoughts("考える") if variant.is_baseline else None)
        stores.answer(store, run_id, variant.name, 1, given)
    [run] = runs.summaries(store, [run_id])
    text = "\n".join(line.plain for line in run_lines(run, 160, dict.fromkeys(ROLES, Style())))
    assert "Note: thinking = false, but the model thought in 1 of 1 answers" in text
    assert "Note: thinking = true, but none of 1 answers has thoughts: the model did not think, or" in text
