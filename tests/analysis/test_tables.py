"""The two tables as the rest of the program sees them: their JSON, their guards, samples and takes, and data out of order."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtui.analysis.tables import flag_answers, length_table, score_table
from qtui.figures.scores import ScoreRow
from tests.analysis.frames import (
    Frames,
    answer_rows,
    condition_rows,
    grade_rows,
    json_of,
    no_grades,
    task_rows,
    two_variants,
)

SCORE_KEYS = {
    "model", "baseline", "candidate", "judge", "n", "takes", "baseline_mean", "candidate_mean", "difference", "sd", "interval90",
    "interval95", "wins", "ties", "losses", "flips_down", "flips_up", "verdict", "verdict_text", "behaviour", "behaviour_reasons",
    "guards", "mde80",
}  # fmt: skip
TEXTS = [f"答え{i}は{'なが' * (i % 5)}い。二十文字よりも長くしておきます。" for i in range(30)]


def rows_of(frames: Frames, margin: float = 0.2) -> tuple[ScoreRow, ...]:
    return score_table(frames.answers, frames.tasks, frames.grades, frames.conditions, margin=margin).pairs


def row_of(frames: Frames, margin: float = 0.2) -> ScoreRow:
    [row] = rows_of(frames, margin)
    return row


def graded(baseline: list[float], candidate: list[float]) -> Frames:
    n = len(baseline)
    return two_variants(TEXTS[:n], TEXTS[:n], (baseline, candidate))


GRADED = graded([3, 4, 2, 5, 1] * 6, [3, 3, 2, 4, 1] * 6)


def test_score_json_has_the_keys_that_were_promised_and_is_json() -> None:
    found = json_of(score_table(GRADED.answers, GRADED.tasks, GRADED.grades, GRADED.conditions))
    [pair] = json.loads(json.dumps(found, allow_nan=False))["pairs"]
    assert SCORE_KEYS | {"experiment"} <= set(pair)
    assert (pair["model"], pair["baseline"], pair["candidate"], pair["judge"], pair["n"]) == (
        "m",
        "FP16",
        "Q4",
        "j",
        30,
    )
    assert (pair["difference"], pair["wins"], pair["ties"], pair["losses"]) == (-0.4, 0, 18, 12)
    assert (pair["baseline_mean"], pair["candidate_mean"], pair["flips_down"], pair["flips_up"]) == (3.0, 2.6, 0, 0)
    assert pair["histogram_baseline"] == {"1": 6, "2": 6, "3": 6, "4": 6, "5": 6}
    assert pair["verdict"] == "worse"
    assert pair["verdict_text"].startswith("worse by more than 0.2: between −0.55 and −0.25")


def test_length_json_has_variants_and_pairs_with_the_keys_of_the_reference() -> None:
    found = json.loads(json.dumps(json_of(length_table(GRADED.answers, GRADED.tasks)), allow_nan=False))
    variant, pair = found["variants"][0], found["pairs"][0]
    assert {"model", "variant", "raw", "stripped", "flags", "shape", "shape_stability", "experiment"} <= set(variant)
    assert {"model", "baseline", "candidate", "raw", "stripped", "mcnemar", "identical", "experiment"} <= set(pair)
    assert pair["identical"] == 30
    assert variant["flags"]["truncated"] == 0


def test_a_pair_without_grades_is_listed_with_null_scores() -> None:
    pair = json_of(row_of(two_variants(TEXTS, TEXTS)))
    assert pair["verdict"] == "ungraded"
    assert pair["behaviour"] == "no change found"
    empty = ("judge", "baseline_mean", "candidate_mean", "difference", "sd", "interval90", "interval95", "wins", "ties",
             "losses", "flips_down", "flips_up", "mde80")  # fmt: skip
    assert {name: pair[name] for name in empty} == dict.fromkeys(empty)


def test_several_judges_have_a_row_each() -> None:
    same = [grade_rows(variant, [3, 2, 4] * 10, judge="k") for variant in ("FP16", "Q4")]
    other = pd.concat([GRADED.grades, *same])
    rows = rows_of(Frames(GRADED.answers, GRADED.tasks, other, GRADED.conditions))
    assert [(row.judge, row.difference, row.verdict) for row in rows] == [
        ("j", pytest.approx(-0.4), "worse"),
        ("k", 0, "equivalent"),
    ]


def test_ungraded_tasks_are_left_out_pairwise_and_counted() -> None:
    row = row_of(graded([3, math.nan, 3] * 10, [4, 5, math.nan] * 10))
    assert (row.n, row.ungraded, row.answered, row.difference) == (10, 20, 30, 1.0)


@pytest.mark.filterwarnings("error")
def test_a_judge_that_graded_nothing_is_ungraded() -> None:
    row = row_of(graded([math.nan] * 12, [math.nan] * 12))
    assert (row.verdict, row.n, row.ungraded) == ("ungraded", 0, 12)
    assert row.verdict_text == "ungraded: j graded both sides in none of 12 tasks"


def test_takes_are_averaged_and_a_missing_take_is_no_low_grade() -> None:
    takes = [grade_rows("FP16", [2.0] * 10), grade_rows("FP16", [4.0] * 10, take=2), grade_rows("Q4", [3.0] * 10),
             grade_rows("Q4", [math.nan] * 10, take=2)]  # fmt: skip
    frames = two_variants(TEXTS[:10], TEXTS[:10])
    row = row_of(Frames(frames.answers, frames.tasks, pd.concat(takes), frames.conditions))
    assert (row.takes, row.difference, row.ties) == (2, 0.0, 10)
    assert row.noise_flips == pytest.approx((10 + 0) / 2)


def test_samples_of_a_task_are_one_cluster() -> None:
    answers, grades = [], []
    d = [[1, -1], [2, 0], [0, 0]] * 4
    for sample in (0, 1):
        answers += [answer_rows("FP16", TEXTS[:12], baseline=True, sample=sample)]
        answers += [answer_rows("Q4", TEXTS[:12], position=1, sample=sample)]
        grades += [
            grade_rows("FP16", [3] * 12, sample=sample),
            grade_rows("Q4", [3 + x[sample] for x in d], sample=sample),
        ]
    frames = Frames(
        pd.concat(answers, ignore_index=True), task_rows(12), pd.concat(grades), condition_rows(FP16={}, Q4={})
    )
    row = row_of(frames)
    assert (row.n, row.wins, row.ties) == (12, 4, 8)
    assert row.sd == pytest.approx(np.std([0, 1, 0] * 4, ddof=1))
    assert sum(cause.contribution for cause in row.causes) == pytest.approx(1 / 3)
    lengths = length_table(frames.answers, frames.tasks)
    assert (lengths.variants[0].raw.n, lengths.pairs[0].raw.n) == (24, 12)


def test_prompts_that_became_other_tokens_guard_the_verdict_and_name_a_task() -> None:
    answers = GRADED.answers.copy()
    answers.loc[(answers["variant"] == "Q4") & (answers["task"] >= 2), "prompt_tokens"] = 11
    [row] = score_table(answers, GRADED.tasks, GRADED.grades, GRADED.conditions).pairs
    assert list(row.guards) == ["confounded: prompt tokens differ in 29 of 30 tasks, e.g. task 2: 10 vs 11 tokens"]


def test_prompts_of_as_many_but_other_tokens_guard_the_verdict() -> None:
    answers = GRADED.answers.assign(prompt_ids_hash="same")
    answers.loc[(answers["variant"] == "Q4") & (answers["task"] == 7), "prompt_ids_hash"] = "other"
    [row] = score_table(answers, GRADED.tasks, GRADED.grades, GRADED.conditions).pairs
    assert list(row.guards) == [
        "confounded: prompt tokens differ in 1 of 30 tasks, e.g. task 7: same count, different ids"
    ]


def test_equal_ids_go_before_numbers_and_numbers_stand_in_where_a_side_has_no_ids() -> None:
    answers = GRADED.answers.assign(prompt_ids_hash="same")
    answers.loc[(answers["variant"] == "Q4") & (answers["task"] <= 2), "prompt_tokens"] = 11
    assert score_table(answers, GRADED.tasks, GRADED.grades, GRADED.conditions).pairs[0].guards == ()
    answers.loc[(answers["variant"] == "Q4") & (answers["task"] >= 2), "prompt_ids_hash"] = ""
    [row] = score_table(answers, GRADED.tasks, GRADED.grades, GRADED.conditions).pairs
    assert list(row.guards) == ["confounded: prompt tokens differ in 1 of 30 tasks, e.g. task 2: 10 vs 11 tokens"]


def test_an_endpoint_that_does_not_count_tokens_is_unknown() -> None:
    answers = GRADED.answers.copy()
    answers.loc[answers["variant"] == "Q4", "prompt_tokens"] = 0
    assert score_table(answers, GRADED.tasks, GRADED.grades, GRADED.conditions).pairs[0].guards == ()


def test_unknown_numbers_of_prompt_tokens_are_not_held_against_a_comparison() -> None:
    answers = GRADED.answers.copy()
    answers.loc[answers["variant"] == "Q4", "prompt_tokens"] = None
    [row] = score_table(answers, GRADED.tasks, GRADED.grades, GRADED.conditions).pairs
    assert row.guards == ()


def test_confounded_settings_guard_the_verdict_and_name_the_difference() -> None:
    sampling = '{"max_tokens": 256, "temperature": 0.0}'
    frames = Frames(GRADED.answers, GRADED.tasks, GRADED.grades, condition_rows(FP16={"sampling": sampling}, Q4={}))
    row = row_of(frames)
    assert list(row.guards) == ["confounded: max_tokens 256 vs 128"]
    assert (row.verdict, row.rule, row.claim_p) == ("guarded", "worse", None)
    assert row.verdict_text == "guarded, confounded: max_tokens 256 vs 128; difference −0.40 (between −0.55 and −0.25)"


def test_unknown_conditions_are_a_note_and_another_engine_too() -> None:
    unknown = row_of(Frames(GRADED.answers, GRADED.tasks, GRADED.grades, condition_rows()))
    assert (unknown.guards, unknown.notes) == ((), ("unknown settings: prompt, sampling, task set",))
    engines = condition_rows(FP16={"engine": "transformers"}, Q4={})
    assert row_of(Frames(GRADED.answers, GRADED.tasks, GRADED.grades, engines)).notes == (
        "different engines: transformers vs llama.cpp",
    )


def test_an_unhealthy_baseline_shows_the_difference_with_and_without() -> None:
    baseline = ["" if i < 6 else text for i, text in enumerate(TEXTS)]
    row = row_of(two_variants(baseline, TEXTS, ([1] * 6 + [3] * 24, [3] * 30)))
    assert [guard.split(":")[0] for guard in row.guards] == ["baseline unhealthy"]
    assert row.without_empty is not None
    assert (row.difference, row.without_empty.difference, row.without_empty.n) == (0.4, 0.0, 24)
    assert row.verdict_text == (
        "guarded, baseline unhealthy: 6 of 30 answers empty, 0 of the candidate's; difference +0.40 (between +0.15 and +0.65) "
        "including empty answers, 0.00 (between 0.00 and 0.00) over the 24 tasks without them"
    )


def test_different_judges_on_the_two_sides_are_guarded() -> None:
    grades = pd.concat([grade_rows("FP16", [3] * 30, judge="a"), grade_rows("Q4", [4] * 30, judge="b")])
    row = row_of(Frames(GRADED.answers, GRADED.tasks, grades, GRADED.conditions))
    assert (row.verdict, row.judge, row.n) == ("guarded", None, 0)
    assert row.verdict_text == "guarded, different judges: a vs b"


def test_a_judge_whose_settings_changed_is_guarded() -> None:
    settings_of = np.where(GRADED.grades["variant"] == "FP16", "prompt 1", "prompt 2")
    row = row_of(
        Frames(GRADED.answers, GRADED.tasks, GRADED.grades.assign(judge_settings=settings_of), GRADED.conditions)
    )
    assert [guard.split(":")[0] for guard in row.guards] == ["different judges"]
    same = row_of(Frames(GRADED.answers, GRADED.tasks, GRADED.grades.assign(judge_settings="p"), GRADED.conditions))
    assert same.guards == ()


def test_a_judge_that_was_asked_with_other_settings_for_some_answers_is_guarded() -> None:
    refused = np.where(GRADED.grades["variant"] == "FP16", "temperature", "top_k")
    row = row_of(Frames(GRADED.answers, GRADED.tasks, GRADED.grades.assign(left_out=refused), GRADED.conditions))
    assert row.guards == ("different judges: the endpoint of j did not take temperature for some of the grades",)


@pytest.mark.parametrize("refused", ["temperature", "temperature,top_k"])
def test_what_a_judge_never_took_is_a_note_beside_its_scores(refused: str) -> None:
    left_out = pd.Series([refused, None] * (len(GRADED.grades) // 2))  # an empty answer is graded without asking
    row = row_of(Frames(GRADED.answers, GRADED.tasks, GRADED.grades.assign(left_out=left_out), GRADED.conditions))
    names = refused.replace(",", ", ")
    assert (row.guards, row.notes[-1:]) == (
        (),
        (f"not taken by the endpoint of j, whose own values applied: {names}",),
    )


def test_filters_that_a_judge_took_once_and_not_later_confound_nothing() -> None:
    left_out = np.where(GRADED.grades["variant"] == "FP16", "top_k", "")
    assert (
        row_of(Frames(GRADED.answers, GRADED.tasks, GRADED.grades.assign(left_out=left_out), GRADED.conditions)).guards
        == ()
    )


def test_a_grader_of_one_side_only_leaves_the_pair_ungraded() -> None:
    grades = grade_rows("FP16", [3] * 30)
    assert row_of(Frames(GRADED.answers, GRADED.tasks, grades, GRADED.conditions)).verdict == "ungraded"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [1, 2, 9])
def test_few_tasks_are_guarded(n: int) -> None:
    row = row_of(graded([3.0] * n, [4.0] * n))
    assert row.verdict == "guarded"
    assert [guard.split(":")[0] for guard in row.guards] == ["too few tasks"]


def test_claims_of_several_pairs_are_holm_adjusted_and_say_so() -> None:
    answers = [GRADED.answers, *(answer_rows(f"Q{k}", TEXTS, position=k) for k in (2, 3))]
    rng = np.random.default_rng(9)
    grades = [GRADED.grades, grade_rows("Q2", [3, 4, 2, 5, 1] * 6), grade_rows("Q3", rng.integers(1, 6, 30).tolist())]
    table = score_table(pd.concat(answers, ignore_index=True), GRADED.tasks, pd.concat(grades), GRADED.conditions)
    worse, same, unclear = table.pairs
    assert (worse.verdict, same.verdict, unclear.verdict) == ("worse", "equivalent", "inconclusive")
    assert [row.comparisons for row in table.pairs] == [3, 3, 3]
    assert worse.claim_p is not None and worse.claim_p_holm == pytest.approx(2 * worse.claim_p)
    assert any("Holm" in note for note in table.notes)
    assert "Holm adjustment over 3 comparisons" not in worse.verdict_text


def test_a_claim_that_holm_does_not_keep_says_so() -> None:
    d = [0.0] * 18 + [-1.0] * 8 + [1.0] * 3 + [0.0]
    others = {f"Q{k}": [1.0, 5.0] * 15 for k in range(5, 15)}
    answers = [GRADED.answers, *(answer_rows(name, TEXTS, position=9) for name in others)]
    grades = [
        grade_rows("FP16", [3.0] * 30),
        grade_rows("Q4", [3 + x for x in d]),
        *(grade_rows(v, g) for v, g in others.items()),
    ]
    rows = score_table(
        pd.concat(answers, ignore_index=True), GRADED.tasks, pd.concat(grades), GRADED.conditions, margin=0.4
    )
    assert rows.pairs[0].verdict == "equivalent"
    assert "; not significant after Holm adjustment over 11 comparisons (p " in rows.pairs[0].verdict_text


def test_white_space_at_the_edges_counts_in_raw_figures_only() -> None:
    frames = two_variants(TEXTS, [f" {text}\n" for text in TEXTS])
    [pair] = length_table(frames.answers, frames.tasks).pairs
    assert (pair.raw.mean_diff, pair.stripped.mean_diff) == (2.0, 0.0)
    assert (pair.identical, pair.identical_raw) == (30, 0)


def test_one_sided_models_are_listed_among_variants_and_have_no_pair() -> None:
    answers = answer_rows("Q4_K_M", TEXTS, model="one-sided")
    table = length_table(answers, task_rows(30))
    assert [variant.model for variant in table.variants] == ["one-sided"]
    assert table.pairs == ()
    assert score_table(answers, task_rows(30), no_grades(), condition_rows()).pairs == ()


def test_the_same_model_in_two_experiments_is_two_pairs() -> None:
    both = pd.concat([GRADED.answers, GRADED.answers.assign(experiment="f")], ignore_index=True)
    table = length_table(both, task_rows(30))
    assert [(pair.experiment, pair.model) for pair in table.pairs] == [("e", "m"), ("f", "m")]


def test_variants_come_in_the_order_of_their_position() -> None:
    answers = pd.concat([answer_rows("late", TEXTS, position=2), answer_rows("mid", TEXTS, position=1),
                         answer_rows("first", TEXTS, baseline=True)], ignore_index=True)  # fmt: skip
    assert [v.variant for v in length_table(answers, task_rows(30)).variants] == ["first", "mid", "late"]
    assert [row.candidate for row in rows_of(Frames(answers, task_rows(30), no_grades(), condition_rows()))] == [
        "mid",
        "late",
    ]


def test_of_duplicate_answers_and_grades_the_last_counts() -> None:
    again = answer_rows("Q4", ["新しい"] * 30, position=1)
    answers = pd.concat([GRADED.answers, again], ignore_index=True)
    assert length_table(answers, GRADED.tasks).pairs[0].identical == 0
    grades = pd.concat([GRADED.grades, grade_rows("Q4", [5.0] * 30)], ignore_index=True)
    row = row_of(Frames(answers, GRADED.tasks, grades, GRADED.conditions))
    assert (row.n, row.candidate_mean, row.takes) == (30, 5.0, 1)


@pytest.mark.filterwarnings("error")
def test_no_answers_at_all_are_an_empty_table() -> None:
    nothing = answer_rows("v", [])
    assert json_of(length_table(nothing, task_rows(0)))["pairs"] == []
    assert score_table(nothing, task_rows(0), no_grades(), condition_rows()).pairs == ()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("texts", [[""] * 12, ["同じ"] * 12, ["あ" * 30 * (i + 1) for i in range(12)]])
def test_odd_texts_give_clean_json(texts: list[str]) -> None:
    frames = two_variants(texts, texts, ([1.0] * 12, [1.0] * 12))
    json.dumps(json_of(length_table(frames.answers, frames.tasks)), allow_nan=False)
    json.dumps(json_of(row_of(frames)), allow_nan=False)


def test_tasks_answered_on_one_side_only_are_not_compared() -> None:
    frames = two_variants(TEXTS, TEXTS[:20], ([3.0] * 30, [4.0] * 20))
    assert length_table(frames.answers, frames.tasks).pairs[0].raw.n == 20
    assert (row_of(frames).n, row_of(frames).ungraded) == (20, 0)


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 400), st.integers(0, 400)),
        min_size=12,
        max_size=12,
    ),
    st.integers(0, 1000),
)
@settings(max_examples=15, deadline=None)
def test_shuffling_rows_changes_nothing(tasks: list[tuple[int, int, int, int]], seed: int) -> None:
    b, c, len_b, len_c = zip(*tasks, strict=True)
    frames = two_variants(["あ" * n for n in len_b], ["い" * n for n in len_c], (b, c))
    answers, grades = (frame.sample(frac=1, random_state=seed) for frame in (frames.answers, frames.grades))
    assert json_of(length_table(answers, frames.tasks)) == json_of(length_table(frames.answers, frames.tasks))
    assert json_of(row_of(Frames(answers, frames.tasks, grades, frames.conditions))) == json_of(row_of(frames))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=12, max_size=12))
@settings(max_examples=15, deadline=None)
def test_swapping_baseline_and_candidate_negates(tasks: list[tuple[int, int]]) -> None:
    b, c = zip(*tasks, strict=True)
    n = len(tasks)
    there, back = (json_of(row_of(two_variants(TEXTS[:n], TEXTS[:n], g))) for g in ((b, c), (c, b)))
    assert there["difference"] == -back["difference"]
    assert there["interval90"] == [-x for x in reversed(back["interval90"])]
    assert (there["wins"], there["flips_up"], there["sd"]) == (back["losses"], back["flips_down"], back["sd"])


def test_flags_handed_over_give_the_same_tables() -> None:
    flags = flag_answers(GRADED.answers, GRADED.tasks)
    assert length_table(GRADED.answers, GRADED.tasks, flags=flags) == length_table(GRADED.answers, GRADED.tasks)


FLOOR = [1.0] * 24 + [3.0] * 6


def test_equivalent_at_a_floor_is_guarded_and_keeps_its_numbers() -> None:
    row = row_of(graded(FLOOR, FLOOR))
    assert (row.rule, row.verdict) == ("equivalent", "guarded")
    floor = "floor: 24 of 30 baseline answers have the lowest grade; this judge cannot show a loss here"
    assert list(row.guards) == [floor]
    assert row.verdict_text == f"guarded, {floor}; difference 0.00 (between 0.00 and 0.00)"
    assert (row.ties, row.difference) == (30, 0.0)


def test_loss_that_shows_in_spite_of_a_floor_stands_and_the_floor_is_noted() -> None:
    row = row_of(graded([1.0] * 20 + [5.0] * 10, [1.0] * 30))
    assert (row.verdict, row.guards) == ("worse", ())
    assert (
        row.notes[-1]
        == "floor: 20 of 30 baseline answers have the lowest grade; this judge cannot show a loss on these answers"
    )


def test_gain_from_a_floor_stands() -> None:
    assert row_of(graded(FLOOR, [3.0] * 30)).verdict == "higher"


def test_ceiling_is_noted_and_hides_no_loss() -> None:
    most = [5.0] * 26 + [3.0] * 4
    row = row_of(graded(most, most))
    assert (row.verdict, row.guards) == ("equivalent", ())
    assert (
        row.notes[-1] == "ceiling: 26 of 30 baseline answers have the highest grade; this judge cannot show a gain here"
    )
