"""The keys of `--json`, which programs read: their names and their order are a promise."""

from pathlib import Path
from typing import Any

import pytest

from qtui.figures.divergence import DeltaP, Divergence, Kl, PairDivergence, Perplexity, SampleDivergence, TaskDivergence
from qtui.figures.json_form import to_json
from qtui.records import FirstDifference, TokenChoice
from qtui.results.length_figures import length_rows
from qtui.results.score_figures import score_rows
from tests.filled_store import fill

GRADES = [1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3, 4]
SCORE_KEYS = (
    "run experiment model baseline candidate judge n takes baseline_mean candidate_mean difference sd interval90 interval95 wins"
    " ties losses flips_down flips_up verdict verdict_text behaviour behaviour_reasons guards mde80 notes answered ungraded"
    " big_down big_up noise_flips p rule claim_p claim_p_holm comparisons behaviour_p_holm tasks_needed histogram_baseline"
    " histogram_candidate length_covariate causes without_empty margin role differing yardsticks beside"
    " behaviour_p behaviour_comparisons behaviour_flags scale units sample_spread resolution stopped_early"
)
RESOLUTION_KEYS = "shown judge_noise noise_share shown_without_noise always_decides sentence"
VARIANT_KEYS = (
    "run experiment model variant is_baseline role raw stripped flags shape shape_stability shape_shares"
    " thoughts thinking_tokens"
)
SUMMARY_KEYS = "n mean sd median q1 q3 iqr min max"
LENGTH_PAIR_KEYS = (
    "run experiment model baseline candidate role raw stripped mcnemar identical identical_raw identical_strip"
    " identical_strip_nonempty shape_baseline shape_candidate behaviour behaviour_reasons behaviour_p_holm"
    " behaviour_p behaviour_comparisons behaviour_flags"
)
PAIRED_KEYS = (
    "n mean_diff sd_diff boot95 t95 rel_change_mean rel_change_median median_paired_diff n_longer n_shorter n_equal wilcoxon_W"
    " wilcoxon_p sign_p cliffs_delta ks_D ks_p wasserstein spearman mean_abs_diff"
)
FIGURE_KEYS = "tokens kl delta_p same_top as_answered perplexity"


def keys(row: dict[str, Any]) -> str:
    return " ".join(row)


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, tuple[int, ...]]:
    path = tmp_path / "store.sqlite"
    return path, (fill(path, grade_of={"FP16": GRADES, "Q2_K": GRADES[::-1]}),)


def test_scores(filled: tuple[Path, tuple[int, ...]]) -> None:
    found = to_json(score_rows(*filled))
    assert keys(found) == "pairs margin notes"
    ungraded, graded = found["pairs"]
    assert keys(ungraded) == keys(graded) == SCORE_KEYS
    assert (graded["run"], graded["experiment"]) == (1, "pets")
    assert keys(graded["causes"][0]) == "kind baseline candidate contribution"
    assert keys(graded["without_empty"]) == "n difference interval90"
    assert keys(graded["length_covariate"]) == "n delta delta_interval95 beta beta_interval95 beta_p"
    assert keys(graded["resolution"]) == RESOLUTION_KEYS
    assert keys(graded["histogram_baseline"]) == "1 2 3 4 5"
    assert keys(graded["behaviour_flags"]) == "lt20 loop latin_new"
    assert keys(graded["behaviour_flags"]["loop"]) == "gained lost p p_bh"


def test_lengths(filled: tuple[Path, tuple[int, ...]]) -> None:
    found = to_json(length_rows(*filled))
    assert keys(found) == "variants pairs notes"
    variant, pair = found["variants"][0], found["pairs"][0]
    assert keys(variant) == VARIANT_KEYS
    assert keys(variant["raw"]) == keys(variant["stripped"]) == SUMMARY_KEYS
    assert keys(pair) == LENGTH_PAIR_KEYS
    assert keys(pair["raw"]) == keys(pair["stripped"]) == PAIRED_KEYS
    assert keys(pair["mcnemar"]["loop"]) == "gained lost p"
    assert keys(pair["behaviour_flags"]["loop"]) == "gained lost p p_bh"


def test_divergence() -> None:
    figures = Divergence(3, Kl(*[0.1] * 9), DeltaP(0.1, 0.2), 1.0, 1.0, Perplexity(*[1.0] * 5))
    parting = FirstDifference(1, 1, TokenChoice("猫", 0.5, 0.25), TokenChoice("犬", 0.25, 0.5))
    row = PairDivergence(
        run_id=1, experiment="pets", model="m", baseline="FP16", candidate="Q4", tasks=1, figures=figures, missing=0, notes=(),
        per_task=(TaskDivergence(1, figures, (SampleDivergence(0, 3, parting),)),),
    )  # fmt: skip
    [found] = to_json((row,))
    assert keys(found) == f"run experiment model baseline candidate tasks {FIGURE_KEYS} missing notes per_task"
    [task] = found["per_task"]
    assert keys(task) == f"task {FIGURE_KEYS} answers"
    assert keys(task["answers"][0]) == "sample tokens first_difference"
    assert keys(task["kl"]) == "mean se se_tasks median p90 p95 p99 p999 max"
    assert keys(task["delta_p"]) == "mean rms"
    assert keys(task["perplexity"]) == "baseline candidate ratio ln_ratio ln_ratio_se"
