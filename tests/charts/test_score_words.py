"""A row of scores in words: verdict and guards in full, the judge by what it measures, what the difference is made of."""

from dataclasses import replace

from qtui.charts.lines import plain
from qtui.charts.score_words import detail_lines, judge_sentence, published_for, verdict_sign, verdict_word
from qtui.figures.published import PublishedScore
from qtui.figures.scores import ScoreCause, ScoreRow
from tests.charts.rows import score_row

STUDY = PublishedScore("calm2-7b-chat", "cyberagent", 2.26, 2.58, 0.32, (0.03, 0.61))


def graded() -> ScoreRow:
    return replace(
        score_row(), judge="openai:gpt-4", n=98, ungraded=2, takes=3, baseline_mean=2.5, candidate_mean=2.3, difference=-0.2,
        sd=0.6, interval90=(-0.3, -0.1), interval95=(-0.32, -0.08), wins=20, ties=40, losses=38, flips_down=12, flips_up=4,
        big_down=3, big_up=1, noise_flips=9.5, mde80=0.17, tasks_needed=110, verdict="lower", behaviour="changed",
        verdict_text="lower, size unclear: between −0.30 and −0.10", behaviour_reasons=("looping answers: 14 gained",),
        causes=(ScoreCause("the rest", 0, 60, 0.001), ScoreCause("looping", 0, 14, -0.18)),
    )  # fmt: skip


def details(row: ScoreRow, published: PublishedScore | None = None) -> list[str]:
    return [plain(line) for line in detail_lines(row, published)]


def test_the_verdict_is_the_second_line_in_full() -> None:
    assert details(graded())[1] == "lower, size unclear: between −0.30 and −0.10"


def test_no_resolution_is_claimed_where_no_task_differs_from_another() -> None:
    same = replace(graded(), sd=0.0, mde80=0.0, tasks_needed=2)
    assert next(line for line in details(same) if "resolution" in line).endswith(
        "unknown: the difference is the same in every task"
    )
    assert not [line for line in details(same) if "4 times of 5" in line]


def test_a_guard_is_named_in_full_and_once() -> None:
    guard = "baseline unhealthy: 24 of 100 answers empty, 0 of the candidate's"
    row = replace(graded(), verdict="guarded", guards=(guard,), verdict_text="guarded")
    assert f"guard: {guard}" in details(row)
    told = replace(row, verdict_text=f"guarded, {guard}")
    assert sum(guard in line for line in details(told)) == 1


def test_behaviour_comes_with_its_reasons() -> None:
    assert "behaviour: changed, looping answers: 14 gained" in details(graded())


def test_the_largest_cause_comes_first_and_what_carries_nothing_is_left_out() -> None:
    causes = [line for line in details(graded()) if "answers" in line and "from" in line]
    assert [line.split(maxsplit=1)[1] for line in causes] == ["−0.18 from 14 looping answers"]


def test_a_cause_of_two_words_is_joined() -> None:
    row = replace(graded(), causes=(ScoreCause("other language", 0, 2, 0.05),))
    assert any(line.endswith("+0.05 from 2 other-language answers") for line in details(row))


def test_ungraded_tasks_are_counted() -> None:
    assert any("98 of 100 tasks, 2 ungraded" in line for line in details(graded()))


def test_the_reference_judge_is_named_as_overlap() -> None:
    said = judge_sentence(replace(graded(), judge="reference", takes=1))
    assert "overlap with the reference answer" in said
    assert "not quality" in said


def test_a_row_without_grades_says_so_and_keeps_its_behaviour() -> None:
    row = replace(score_row(), behaviour="changed", behaviour_reasons=("shorter answers",))
    assert verdict_word(row) == "no grades yet"
    assert "behaviour: changed, shorter answers" in details(row)
    assert not any(line.startswith("mean grade") for line in details(row))


def test_good_and_bad_verdicts_differ_without_colour() -> None:
    signs = {
        verdict_sign(replace(graded(), verdict=name)) for name in ("equivalent", "worse", "guarded", "inconclusive")
    }
    assert len(signs) == 4


def test_published_figures_belong_to_the_study_s_two_variants_only() -> None:
    own = replace(graded(), model="calm2-7b-chat")
    assert published_for(own, [STUDY]) == STUDY
    assert published_for(replace(own, candidate="Q2_K"), [STUDY]) is None
    assert published_for(replace(own, model="calm3"), [STUDY]) is None
    assert "2.26 → 2.58, difference +0.32, unpaired 90 % interval +0.03 … +0.61" in details(own, STUDY)[-1]


def test_the_notes_of_the_table_come_last() -> None:
    lines = [plain(line) for line in detail_lines(graded(), None, ("claims are Holm-adjusted",))]
    assert lines[-2:] == ["", "claims are Holm-adjusted"]
