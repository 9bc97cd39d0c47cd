"""Behaviour: McNemar, the primary test and the flags, each with its adjustment, and the study's own case."""

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from qtui.analysis.behaviour import mcnemar, pair_behaviours
from qtui.analysis.flags import flag_answers
from qtui.analysis.pairing import Pair, pairs, variants
from qtui.analysis.tables import length_table, score_table
from qtui.figures.lengths import FlagChange, McNemar
from qtui.format import p_in_sentence
from tests.analysis.frames import answer_rows, study, task_rows, two_variants

LONG = [f"これは{'とても' * (i % 7)}長い答えで、二十文字よりは長くなっています。{i}番目。" for i in range(40)]


def pairs_of(answers: pd.DataFrame) -> list[Pair]:
    tasks = task_rows(100)
    return list(pairs(variants(answers, flag_answers(answers, tasks), tasks)))


def test_mcnemar_is_the_exact_binomial_test_on_discordant_tasks() -> None:
    before = [False] * 26 + [True] * 4 + [True] * 9 + [False] * 61
    after = [True] * 26 + [False] * 4 + [True] * 9 + [False] * 61
    assert mcnemar(before, after) == McNemar(26, 4, stats.binomtest(26, 30).pvalue)
    assert mcnemar([True, False], [True, False]) == McNemar(0, 0, None)


def test_samples_of_one_task_count_once() -> None:
    assert mcnemar([0.0, 0.5, 1.0], [0.5, 0.5, 0.25]) == McNemar(1, 1, 1.0)


def test_equal_answers_show_no_change() -> None:
    [found] = pair_behaviours(pairs_of(two_variants(LONG, LONG).answers))
    assert (found.name, found.reasons, found.p) == ("no change found", (), None)


def test_shorter_answers_change_behaviour_and_the_reason_says_so() -> None:
    [found] = pair_behaviours(pairs_of(two_variants(LONG, [text[: len(text) // 2 + 12] for text in LONG]).answers))
    assert found.name == "changed"
    assert found.reasons[0].startswith("shorter answers in 40 of 40 tasks, mean length −")
    assert "Wilcoxon" in found.reasons[0]


def test_more_pairs_make_the_same_change_harder_to_claim() -> None:
    shorter = [text[:-1] if i < 6 else text for i, text in enumerate(LONG)]
    alone = two_variants(LONG, shorter).answers
    noisy = [text + "ん" * ((i % 3) - 1) if i % 3 else text[:-1] for i, text in enumerate(LONG)]
    others = [answer_rows(f"Q{k}", noisy, position=1 + k) for k in range(2, 22)]
    [one] = pair_behaviours(pairs_of(alone))
    assert "adjusted" not in one.reasons[0]
    many = pair_behaviours(pairs_of(pd.concat([alone, *others], ignore_index=True)))
    assert one.name == "changed"
    assert many[0].name == "no change found"
    assert (one.p or 1) < (many[0].p or 0)


def test_the_reason_says_over_how_many_pairs_its_p_value_is_adjusted() -> None:
    shorter = [text[: len(text) // 2 + 12] for text in LONG]
    frame = pd.concat([two_variants(LONG, shorter).answers, answer_rows("Q2", shorter, position=3)], ignore_index=True)
    assert all(found.reasons[0].endswith(" adjusted over 2 pairs)") for found in pair_behaviours(pairs_of(frame)))


def test_each_pair_has_one_primary_test_and_pairs_are_adjusted_by_hand() -> None:
    shorter = [text[: len(text) // 2 + 12] if i < 12 else text for i, text in enumerate(LONG)]
    longer = [text + "ん" * (i % 4) for i, text in enumerate(LONG)]
    frames = two_variants(LONG, shorter).answers
    answers = pd.concat(
        [frames, answer_rows("Q8", LONG, position=2), answer_rows("Q5", longer, position=3)], ignore_index=True
    )
    q4, q8, q5 = pair_behaviours(pairs_of(answers))
    first, second = (
        float(stats.wilcoxon([len(c) - len(b) for b, c in zip(LONG, texts, strict=True)], method="approx").pvalue)
        for texts in (shorter, longer)
    )
    assert first > second
    assert (q4.p, q5.p, q8.p) == (first, second, None)
    assert (q5.p_holm, q4.p_holm) == (2 * second, max(2 * second, first))
    assert (q8.name, q8.p_holm) == ("no change found", None)
    assert [found.comparisons for found in (q4, q8, q5)] == [2, 2, 2], "a test that cannot be computed is not counted"


def test_flags_alone_are_secondary_and_said() -> None:
    latin = [text[:-4] + "good" if i < 15 else text for i, text in enumerate(LONG)]
    [found] = pair_behaviours(pairs_of(two_variants(LONG, latin).answers))
    p = float(stats.binomtest(15, 15).pvalue)
    assert (found.name, found.p) == ("no change found", None)
    assert found.flags["latin_new"] == FlagChange(15, 0, p, p)
    assert found.reasons == (
        f"secondary: answers with new Latin words: 15 gained, 0 lost (McNemar, {p_in_sentence(p)} adjusted)",
    )


def test_flags_of_all_pairs_of_a_run_are_adjusted_together() -> None:
    """By hand: two tests can be computed, p of 15 and of 6 discordant tasks; the larger stays, the smaller is doubled."""
    variants_ = [("Q4", 15), ("Q5", 6)]
    rows = [
        answer_rows(name, [text[:-4] + "good" if i < count else text for i, text in enumerate(LONG)], position=at)
        for at, (name, count) in enumerate(variants_, start=1)
    ]
    answers = pd.concat([answer_rows("FP16", LONG, baseline=True), *rows], ignore_index=True)
    many, few = (found.flags["latin_new"] for found in pair_behaviours(pairs_of(answers)))
    assert [many.p, few.p] == pytest.approx([2 / 2**15, 2 / 2**6])
    assert [many.p_bh, few.p_bh] == pytest.approx([2 * 2 / 2**15, 2 / 2**6])


def test_the_tables_say_which_test_is_primary_and_how_pairs_are_adjusted() -> None:
    frames = two_variants(LONG, LONG)
    scores = score_table(frames.answers, frames.tasks, frames.grades, frames.conditions)
    for notes in (scores.notes, length_table(frames.answers, frames.tasks).notes):
        assert any("primary" in note and "Holm-adjusted over the pairs of a run" in note for note in notes)
        assert any("secondary" in note and "Benjamini–Hochberg" in note for note in notes)


def test_the_study_shows_a_changed_swallow_and_an_unhealthy_stablelm(shared: Path) -> None:
    frames = study(shared)
    rows = {row.model: row for row in score_table(frames.answers, frames.tasks, frames.grades, frames.conditions).pairs}
    assert len(rows) == 5
    swallow, stablelm = rows["Swallow-7b-instruct"], rows["japanese-stablelm-instruct-beta-7b"]
    assert swallow.behaviour == "changed"
    assert len(swallow.behaviour_reasons) == 2
    assert rows["calm2-7b-chat"].behaviour == "changed"
    assert {row.behaviour_comparisons for row in rows.values()} == {5}
    assert not swallow.guards
    assert [guard.split(":")[0] for guard in stablelm.guards] == ["baseline unhealthy"]
    assert "24 of 100" in stablelm.guards[0]
    assert {row.verdict for row in rows.values()} == {"ungraded"}
    assert all(row.notes == ("unknown settings: prompt, sampling",) for row in rows.values())


@pytest.mark.filterwarnings("error")
def test_variants_without_a_common_task_have_no_behaviour() -> None:
    answers = pd.concat([answer_rows("FP16", ["あ"] * 3, baseline=True), answer_rows("Q4", ["い"] * 6).iloc[3:]])
    [found] = pair_behaviours(pairs_of(answers.reset_index(drop=True)))
    assert found.name is None
