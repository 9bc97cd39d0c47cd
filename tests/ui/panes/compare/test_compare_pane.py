"""Compare on a real store: what each key does, what blind hides, what hostile answers cannot do."""

from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from qtui.records import Answer
from qtui.store import Store, grades, notes, open_store
from qtui.store.task_answers import sides
from qtui.ui import clipboard
from qtui.ui.app import QtuiApp
from qtui.ui.panes.compare.pane import ComparePane
from qtui.ui.widgets.text_view import TextView
from tests import stores
from tests.ui.conftest import fill
from tests.ui.hostile import HOSTILE
from tests.ui.hostile import fill as fill_hostile
from tests.ui.waiting import screen_text, until

MODEL = "org/small"
WIDE, NARROW = (160, 50), (80, 24)


def pane(app: QtuiApp) -> ComparePane:
    return app.screen.query_one(ComparePane)


def is_filled(compare: ComparePane) -> bool:
    """Whether it has read and shows a task."""
    return bool(str(compare.position.visual)) and not compare.has_class("-nothing")


def is_at(compare: ComparePane, task: int) -> bool:
    """Whether it has read and shows this task."""
    return compare.scope.task == task and str(compare.position.visual).startswith(f"Task {task} of ")


async def opened(pilot: Pilot[None], app: QtuiApp) -> ComparePane:
    await pilot.press("3")
    await until(pilot, lambda: app.screen.query(ComparePane) and is_filled(pane(app)))
    await pilot.pause()
    return pane(app)


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_both_answers_with_grades_are_on_the_screen(store_path: Path, study: int, size: tuple[int, int]) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app)
        screen = screen_text(pilot)
        assert "Baseline FP16" in screen
        assert "Candidate Q4_K_M" in screen
        assert "openai:gpt-4 3" in screen
        assert "FP16のorg/smallの答えです。" in screen
        assert "Q4_K_Mのorg/smallの答えです。" in screen


async def test_sides_are_stacked_where_it_is_narrow(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=NARROW) as pilot:
        compare = await opened(pilot, app)
        assert compare.left.region.x == compare.right.region.x
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: compare.left.region.y == compare.right.region.y)


async def test_n_and_p_walk_the_tasks_and_stop_at_the_ends(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        await pilot.press("p")
        await pilot.pause()
        assert compare.scope.task == 1
        await pilot.press("n", "n", "n", "n")
        await until(pilot, lambda: compare.scope.task == 4)
        await pilot.press("p")
        await until(pilot, lambda: "りんご" in compare.task_text.text)


async def test_o_walks_by_length_ratio(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        await pilot.press("o", "o")
        await until(pilot, lambda: compare.scope.order == "ratio" and compare.tasks.tasks != (1, 2, 3, 4))
        await until(pilot, lambda: "by length ratio" in screen_text(pilot))
        ratios = [row.figures.ratio for row in compare.tasks.rows]
        assert ratios == sorted(ratios)  # type: ignore[type-var]
        after = compare.tasks.step(1, -1)
        await pilot.press("p")
        await until(pilot, lambda: compare.scope.task == after)


async def test_the_analysis_adds_similarity_in_the_background(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        await until(pilot, lambda: compare.figures_known, 60)
        assert all(row.figures.similarity is not None for row in compare.tasks.rows)


async def test_digits_grade_the_marked_answer_while_grading_and_switch_panes_otherwise(
    store: Store, store_path: Path, study: int
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        await pilot.press("e", "4", "tab", "2")
        await until(pilot, lambda: _own(store, study) == {"FP16": 4, "Q4_K_M": 2})
        await until(pilot, lambda: "yours 2" in screen_text(pilot))
        await pilot.press("0")
        await until(pilot, lambda: _own(store, study) == {"FP16": 4, "Q4_K_M": None})
        await pilot.press("escape")
        await pilot.press("2")
        await until(pilot, lambda: not compare.shown)
        assert _own(store, study) == {"FP16": 4, "Q4_K_M": None}


async def test_blind_hides_who_answered_until_b_again(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        await pilot.press("r", "b")
        await until(pilot, lambda: "BLIND" in screen_text(pilot))
        body = "\n".join(screen_text(pilot).splitlines()[2:]).replace("FP16の", "").replace("Q4_K_Mの", "")
        for word in ("FP16", "Q4_K_M", "Baseline", "Candidate", "transformers", "llama.cpp", "chars", "gpt-4", "理由"):
            assert word not in body, word
        assert "length ×" not in body
        orders = set()
        for task in range(1, 5):
            await until(pilot, partial(is_at, compare, task))
            orders.add(_order(compare))
            await pilot.press("n")
        assert len(orders) == 2, "the order of the sides is drawn per task"
        await pilot.press("b")
        await until(pilot, lambda: "Baseline FP16" in screen_text(pilot))


async def test_blind_draws_the_same_order_each_time(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        await pilot.press("b")
        first = _order(compare)
        await pilot.press("b", "b")
        await pilot.pause()
        assert _order(compare) == first


async def test_s_stars_and_c_comments_the_task(store: Store, store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app)
        await pilot.press("s")
        await until(pilot, lambda: notes.of_model(store, study, MODEL) == {1: notes.Note(True)})
        await until(pilot, lambda: "★" in screen_text(pilot))
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press(*"odd", "enter")
        await until(pilot, lambda: notes.of_model(store, study, MODEL) == {1: notes.Note(True, "odd")})
        await until(pilot, lambda: "✎ odd" in screen_text(pilot))


async def test_t_shows_input_then_all_then_one_line(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app)
        assert "五七五" not in screen_text(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "五七五になっているか。" in screen_text(pilot))
        await pilot.press("t")
        await until(pilot, lambda: "五七五" not in screen_text(pilot))


async def test_r_shows_the_reasons_of_the_judge(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app)
        assert "理由です。" not in screen_text(pilot)
        await pilot.press("r")
        await until(pilot, lambda: screen_text(pilot).count("理由です。") == 2)


async def test_u_shows_one_text_with_what_is_whose(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app)
        await pilot.press("u")
        await until(pilot, lambda: "[−FP16−]{+Q4_K_M+}" in screen_text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Baseline FP16" in screen_text(pilot))


async def test_d_takes_the_marks_away_and_brings_them_back(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        assert _underlined(compare.left.answer) == "FP16"
        assert _underlined(compare.right.answer) == "Q4_K_M"
        assert compare.left.answer.pointer_line == 0
        await pilot.press("d")
        await until(pilot, lambda: not _underlined(compare.left.answer))
        await pilot.press("d")
        await until(pilot, lambda: _underlined(compare.left.answer))


async def test_y_copies_the_marked_answer(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        await pilot.press("tab")
        await until(pilot, lambda: compare.right.has_class("-marked"))
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard)
        assert app.clipboard == "海の風 子らの笑い声 波の上Q4_K_Mのorg/smallの答えです。"


async def test_the_filter_walks_only_what_contains_the_text(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        await pilot.press("slash")
        await pilot.press(*"12", "enter")
        await until(pilot, lambda: compare.tasks.tasks == (3,))
        await until(pilot, lambda: compare.scope.task == 3)
        await pilot.press("escape")
        await until(pilot, lambda: len(compare.tasks.tasks) == 4)


async def test_both_sides_scroll_as_one_to_the_end_of_the_longer(store: Store, store_path: Path) -> None:
    run_id = fill(store)
    _replace(store, run_id, "Q4_K_M", Answer("long", "長い。\n" * 500, "stop"))
    app = QtuiApp(store_path)
    async with app.run_test(size=NARROW) as pilot:
        compare = await opened(pilot, app)
        await until(pilot, lambda: compare.right.answer.text_height == 501)
        compare.left.answer.focus()
        await pilot.press("G")
        await until(pilot, lambda: compare.right.answer.scroll_y == compare.right.answer.max_scroll_y > 400)
        await pilot.press("k")
        await until(pilot, lambda: compare.left.answer.scroll_y == compare.right.answer.scroll_y)


async def test_a_model_with_one_variant_is_one_column_that_says_so(store: Store, store_path: Path) -> None:
    fill(store, models=(MODEL,), names=("Q4_K_M",))
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        compare = await opened(pilot, app)
        assert "No candidate to compare: only Q4_K_M" in screen_text(pilot)
        assert not compare.right.display


async def test_samples_are_switched_by_shift_s(store: Store, store_path: Path) -> None:
    run_id = fill(store)
    _replace(store, run_id, "FP16", Answer("second", "二つ目の答え", "length", 1, 2, 3.5), sample=1)
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app)
        assert "sample 1 of 2" in screen_text(pilot)
        await pilot.press("S")
        await until(pilot, lambda: "二つ目の答え" in screen_text(pilot))
        assert "TRUNCATED" in screen_text(pilot)
        assert "3.5 s" in screen_text(pilot)


async def test_an_empty_store_says_what_to_do(store_path: Path) -> None:
    open_store(store_path).close()
    app = QtuiApp(store_path)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "No runs yet" in screen_text(pilot))


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("mode", ["", "u", "r", "t", "b"])
async def test_hostile_answers_are_text_and_nothing_else(
    store: Store, store_path: Path, size: tuple[int, int], mode: str
) -> None:
    fill_hostile(store)
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        compare = await opened(pilot, app)
        if mode:
            await pilot.press(mode)
        for task in range(1, len(HOSTILE) + 1):
            await until(pilot, partial(is_at, compare, task))
            await pilot.pause()
            screen = screen_text(pilot)
            assert not [c for c in screen if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0)]
            assert not set(screen) & set("\u202e\u2066\u200b\u200d\ufeff\u2028\ufe0f")
            await pilot.press("n")


async def test_copying_goes_through_tmux_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_path: Path, study: int
) -> None:
    received = tmp_path / "received"
    fake = tmp_path / "tmux"
    fake.write_text(f'#!/bin/sh\nprintf "%s " "$@" > {received}.arguments\ncat > {received}\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    app = QtuiApp(store_path)
    async with app.run_test():
        told = await clipboard.copy(app, "日本\x1b[31m語")
    assert received.read_text() == "日本[31m語"
    assert (tmp_path / "received.arguments").read_text() == "load-buffer -w - "
    assert told == "Copied 7 characters (also in tmux's buffer)"


def _order(compare: ComparePane) -> tuple[str, ...]:
    """Whose answer is on the left and on the right, by what the answers of `fill` say."""
    texts = compare.left.answer.text, compare.right.answer.text
    return tuple(next(name for name in ("FP16", "Q4_K_M") if f"{name}の" in text) for text in texts)


def _underlined(view: TextView) -> str:
    return "".join(part.text for part in view.render_line(0) if part.style and part.style.underline)


def _own(store: Store, run_id: int) -> dict[str, int | None]:
    found = sides(store, run_id, MODEL, 1)
    assert found is not None
    return {
        side.variant: next((line.grade for line in side.answers[0].grades if line.judge == grades.HUMAN), None)
        for side in found.sides
    }


def _replace(store: Store, run_id: int, variant: str, answer: Answer, sample: int = 0) -> None:
    """Give a variant of the first model another answer to its first task."""
    stores.answer(store, run_id, variant, 1, answer, model=MODEL, sample=sample)
