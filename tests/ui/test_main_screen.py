from pathlib import Path

import pytest

from qtui.config import Config
from qtui.store import Store, runs
from qtui.ui import keys
from qtui.ui.app import QtuiApp
from qtui.ui.main_screen import MainScreen
from qtui.ui.panes.pane import Pane
from tests.ui.conftest import fill
from tests.ui.panes.runs.test_runs_pane import begin
from tests.ui.waiting import notices, screen_text, until, until_shown


def main_screen(app: QtuiApp) -> MainScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


async def test_the_first_frame_has_the_runs_on_it(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "study" in screen_text(pilot)


async def test_an_empty_store_says_what_to_do(store_path: Path, store: Store) -> None:
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "No runs yet. Press n for a new run, try `qtui demo`")


async def test_numbers_switch_panes_and_each_pane_takes_the_keyboard(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(120, 40)) as pilot:
        for number, pane_id in enumerate(keys.PANES, start=1):
            await pilot.press(str(number))
            await pilot.pause()
            current = main_screen(app).current
            assert current is not None
            assert current.id == pane_id
            assert app.focused is not None
            assert current in app.focused.ancestors_with_self


async def test_a_tab_can_be_clicked(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await pilot.click("TabLine", offset=(54, 0))
        await until(pilot, lambda: main_screen(app).tabs.current == "models")


async def test_a_new_run_appears_without_a_key(store_path: Path, store: Store, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "study")
        fill(store, "added later")
        await until_shown(pilot, "added later")


async def test_brackets_v_and_capital_j_choose_what_is_compared(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        screen = main_screen(app)
        await until(pilot, lambda: screen.scope.model == "org/small")
        await pilot.press("right_square_bracket")
        assert screen.scope.model == "org/large"
        await pilot.press("right_square_bracket")
        assert screen.scope.model == "org/small"
        await pilot.press("left_square_bracket")
        assert screen.scope.model == "org/large"
        await pilot.press("v")
        assert screen.scope.candidate == "Q4_K_M"
        await pilot.press("J")
        assert screen.scope.judge == "openai:gpt-4"


async def test_the_users_keymap_holds(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path, config=Config(keymap={"pane.models": "m"}))
    async with app.run_test() as pilot:
        await pilot.press("m")
        await until(pilot, lambda: main_screen(app).tabs.current == "models")
        await pilot.press("1", "6")
        assert main_screen(app).tabs.current == "runs"


async def test_help_shows_every_key_of_the_table(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(190, 160)) as pilot:
        await pilot.press("question_mark")
        await until_shown(pilot, "Esc closes")
        shown = screen_text(pilot)
        assert [key.id for key in keys.KEYS if key.label not in shown] == []
        await pilot.press("escape")
        assert app.screen is main_screen(app)


async def test_the_palette_switches_themes_and_panes(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        for typed, happened in (
            ("qtui-light", lambda: app.theme == "qtui-light"),
            ("Go to Models", lambda: main_screen(app).tabs.current == "models"),
        ):
            await pilot.press("ctrl+p")
            await pilot.press(*("space" if c == " " else "minus" if c == "-" else c for c in typed))
            await until_shown(pilot, typed)
            await pilot.pause(0.3)
            await pilot.press("enter", "enter")
            await until(pilot, happened)


async def test_the_palette_survives_a_run_with_a_hostile_name(store_path: Path, store: Store) -> None:
    fill(store, "[/INST]\x1b[31m [bold", ("m",))
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+p", "R", "u", "n", "space", "1")
        await until_shown(pilot, "Run 1: [/INST][31m [bold")


async def test_panes_never_read_at_the_same_time_as_themselves(store_path: Path, store: Store, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        at_once = most = reads = 0

        class Slow(Pane):
            async def refresh_data(self) -> None:
                nonlocal at_once, most, reads
                at_once += 1
                reads += 1
                most = max(most, at_once)
                await self.reader.read(runs.count)
                at_once -= 1

        pane = Slow(id="slow")
        await main_screen(app).switcher.add_content(pane)
        pane.show_pane()
        for _ in range(20):
            pane.data_changed(at_once=True)
            await pilot.pause()
        await until(pilot, lambda: reads >= 2)
        await app.workers.wait_for_complete()
        assert most == 1


async def test_a_store_that_cannot_be_read_is_said_once(store_path: Path, store: Store, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "study")
        store.execute("ALTER TABLE judge RENAME TO gone")
        await until(pilot, lambda: any("no such table" in notice.message for notice in notices(app)))
        for _ in range(30):
            await pilot.pause(0.05)
        assert len([notice for notice in notices(app) if "no such table" in notice.message]) == 1
        store.execute("ALTER TABLE gone RENAME TO judge")
        runs.delete(store, study)
        await until_shown(pilot, "No runs yet")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_a_store_that_is_gone_is_said_in_one_place_until_it_is_back(
    store_path: Path, study: int, size: tuple[int, int]
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        await until_shown(pilot, "study")
        away = store_path.rename(store_path.with_name("away.sqlite"))
        await until_shown(pilot, "The store is gone")
        for number, pane_id in enumerate(keys.PANES, start=1):
            await pilot.press(str(number))
            await app.workers.wait_for_complete()
            assert screen_text(pilot).count("The store is gone") == 1, pane_id
        assert "qtui --store FILE" in " ".join(screen_text(pilot).split())
        assert [notice.message for notice in notices(app)] == []
        away.rename(store_path)
        await until(pilot, lambda: "The store is gone" not in screen_text(pilot))
        await pilot.press("2")
        await until_shown(pilot, "4 tasks")


async def exit_lines(store_path: Path) -> list[str]:
    """What the workbench leaves on the terminal when it is quit with `q`."""
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "▶ running")
        await pilot.press("q")
    return app.exit_lines


async def test_quit_beside_a_run_that_nothing_ends_says_that_it_goes_on(store_path: Path, store: Store) -> None:
    begin(store)
    assert await exit_lines(store_path) == ["Still running: live (0 of 20 answers). Run `qtui` to attach again."]


async def test_quit_in_a_jobs_shell_says_that_the_run_ends_and_how_it_goes_on(
    store_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    run_id = begin(store, ends=("with Slurm job 4711",))
    _, told = await exit_lines(store_path)
    assert told == (
        f"Run {run_id}: This shell is Slurm job 4711: the run ends with it. Stop it with `qtui cancel {run_id} --store"
        f' {store_path}`, then submit it instead: sbatch --wrap "qtui resume {run_id} --store {store_path}"'
    )


async def test_quit_beside_a_run_of_another_job_names_that_job_alone(store_path: Path, store: Store) -> None:
    begin(store, ends=("with Slurm job 4711",))
    _, told = await exit_lines(store_path)
    assert told.startswith("Run 1: ends with Slurm job 4711, on ")


async def test_workbench_begins_with_the_notices_it_is_given(store_path: Path, store: Store) -> None:
    app = QtuiApp(store_path, notices=["This shell is Slurm job 4711: [the run] ends with it."])
    async with app.run_test() as pilot:
        told = ["This shell is Slurm job 4711: [the run] ends with it."]
        await until(pilot, lambda: [notice.message for notice in notices(app)] == told)
