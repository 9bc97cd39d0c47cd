"""What stands beside the violins: a violin per pair, medians and change, shapes, flags; nothing that drives a terminal."""

from dataclasses import replace

import pytest

from qtui.charts.length_comparison import WIDTH, figure_lines
from qtui.charts.length_violins import Story, flag_texts, label_width, legend, page, stories, violins
from qtui.charts.lines import plain, width
from qtui.figures.axis import Axis
from qtui.figures.length_densities import POINTS, Distribution, Distributions
from qtui.figures.lengths import LengthSummary, LengthTable, PairedLengths, PairLengths, VariantLengths

AXIS = Axis(800.0)


def variant(name: str, median: float, *, model: str = "org/small", **flags: int) -> VariantLengths:
    summary = LengthSummary(100, median, 50.0, median, median - 10, median + 10, 20.0, 0, 900)
    return VariantLengths(
        run_id=1, experiment="study", model=model, variant=name, is_baseline=name == "FP16", raw=summary, stripped=summary,
        flags=flags, shape="flask", shape_stability=0.71, shape_shares={},
    )  # fmt: skip


def pair(candidate: str, *, model: str = "org/small", behaviour: str = "no change found") -> PairLengths:
    figures = PairedLengths(
        n=99, mean_diff=-43.0, sd_diff=None, boot95=(-68.0, -21.0), t95=None, rel_change_mean=-0.22, rel_change_median=None,
        median_paired_diff=None, n_longer=40, n_shorter=56, n_equal=3, wilcoxon_W=None, wilcoxon_p=0.003, sign_p=None,
        cliffs_delta=-0.12, ks_D=0.13, ks_p=0.37, wasserstein=43.0, spearman=0.73, mean_abs_diff=None,
    )  # fmt: skip
    return PairLengths(
        run_id=1, experiment="study", model=model, baseline="FP16", candidate=candidate, raw=figures, stripped=figures,
        mcnemar={}, identical=3, identical_raw=3, identical_strip=3, identical_strip_nonempty=3, shape_baseline="flask",
        shape_candidate="flask", behaviour=behaviour, behaviour_reasons=("shorter",), behaviour_p_holm=None,
    )  # fmt: skip


def distributions(rows: LengthTable) -> Distributions:
    density = tuple(0.01 if 20 < i < 60 else 0.0 for i in range(POINTS))
    drawn = [
        Distribution(v.run_id, v.model, v.variant, v.is_baseline, 100, (90.0, 100.0, 110.0), density, 2)
        for v in rows.variants
    ]
    return Distributions(AXIS, 900, tuple(drawn))


def rows(*variants: VariantLengths, pairs: tuple[PairLengths, ...]) -> LengthTable:
    return LengthTable(variants, pairs, ())


SEVERAL = rows(variant("FP16", 140), variant("Q4_K_M", 106), variant("Q2_K", 60), pairs=(pair("Q4_K_M"), pair("Q2_K")))


def test_a_model_with_two_candidates_has_two_violins_under_one_baseline() -> None:
    told = stories(SEVERAL)
    assert [(s.baseline.variant, s.candidate.variant) for s in told if s.baseline and s.candidate] == [
        ("FP16", "Q4_K_M"),
        ("FP16", "Q2_K"),
    ]
    headings = [plain(v.heading) for v in violins(told, distributions(SEVERAL), 120)]
    assert ["Q4_K_M" in headings[0], "Q2_K" in headings[1]] == [True, True]


def test_a_variant_without_a_counterpart_stands_alone_and_says_so() -> None:
    alone = rows(variant("Q4_K_M", 210, model="org/large"), pairs=())
    [story] = stories(alone)
    [violin] = violins([story], distributions(alone), 120)
    assert story.pair is None
    assert violin.baseline is None
    assert "no baseline" in plain(violin.heading)


def test_the_heading_has_both_medians_and_the_change_in_percent() -> None:
    [first, _] = violins(stories(SEVERAL), distributions(SEVERAL), 120)
    assert "median 140 → 106  −24 %" in plain(first.heading)


def test_a_median_of_zero_has_no_change_in_percent() -> None:
    assert Story(1, "m", variant("FP16", 0), variant("Q4_K_M", 10), pair("Q4_K_M")).change is None


def test_the_largest_changes_of_flags_come_first_and_absent_flags_are_left_out() -> None:
    found = flag_texts(
        variant("FP16", 1, empty_strip=24, loop=3, truncated=0), variant("Q4_K_M", 1, empty_strip=0, loop=7)
    )
    assert found == ["24 → 0 empty", "3 → 7 looping"]


def test_a_changed_behaviour_is_said_in_words() -> None:
    changed = replace(SEVERAL, pairs=(pair("Q4_K_M", behaviour="changed"),))
    assert "behaviour changed" in plain(violins(stories(changed), distributions(changed), 120)[0].heading)


@pytest.mark.parametrize("cells", [80, 100, 160])
def test_a_page_keeps_to_its_width_and_ends_with_axis_and_legend(cells: int) -> None:
    drawn = page(SEVERAL, distributions(SEVERAL), cells=cells)
    assert all(width(line) <= cells for line in drawn)
    assert "╵0" in plain(drawn[-2])
    assert "baseline" in plain(drawn[-1])


def test_wide_labels_have_the_words_of_the_study() -> None:
    assert label_width(stories(SEVERAL), 160) > label_width(stories(SEVERAL), 80)
    assert any("フラスコ型" in plain(line) for line in page(SEVERAL, distributions(SEVERAL), cells=160))


@pytest.mark.parametrize("cells", [80, 100, 160])
def test_the_legend_fits(cells: int) -> None:
    assert width([(legend(distributions(SEVERAL), cells), "text")]) <= cells


def test_names_of_models_cannot_drive_the_terminal() -> None:
    hostile = rows(
        variant("FP16", 1, model="\x1b[2Jorg"), variant("Q4\u202e", 2, model="\x1b[2Jorg"),
        pairs=(pair("Q4\u202e", model="\x1b[2Jorg"),),
    )  # fmt: skip
    text = "".join(plain(line) for line in page(hostile, distributions(hostile), cells=100))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_figures_keep_to_their_width() -> None:
    note = "flags are secondary (McNemar on short answers), Benjamini–Hochberg-adjusted over all flags of a run"
    lines = figure_lines(SEVERAL.variants[0], SEVERAL.variants[1], pair("Q4_K_M", behaviour="changed"), (note,))
    assert " ".join(plain(line) for line in lines[-3:]).endswith("over all flags of a run")
    assert max(width(line) for line in lines) <= WIDTH
    assert any("−68 … −21" in plain(line) for line in lines)


def test_the_legend_speaks_of_longer_answers_only_where_there_are_some() -> None:
    found = distributions(SEVERAL)
    assert "above 800" in legend(found, 120)
    assert "above" not in legend(replace(found, longest=800), 120).removeprefix("above")


def test_headings_stand_under_each_other() -> None:
    headings = [plain(v.heading) for v in violins(stories(SEVERAL), distributions(SEVERAL), 120)]
    assert len({heading.index("median") for heading in headings}) == 1


@pytest.mark.parametrize("cells", [79, 160])
def test_violins_of_one_model_in_two_runs_name_their_experiment(cells: int) -> None:
    found = rows(variant("FP16", 140), variant("Q4_K_M", 106), pairs=(pair("Q4_K_M"),))
    again = [replace(v, run_id=2, experiment="study, hotter") for v in found.variants]
    pairs = (*found.pairs, replace(found.pairs[0], run_id=2, experiment="study, hotter"))
    both = LengthTable((*found.variants, *again), pairs, ())
    headings = [plain(v.heading) for v in violins(stories(both), distributions(both), cells)]
    assert "org/small (study) " in headings[0]
    assert "org/small (study, hot" in headings[1]


def test_the_longest_name_leaves_room_for_what_changed_at_80_columns() -> None:
    name = "ELYZA-japanese-Llama-2-7b-instruct"
    of_model = pair("Q4_K_M", model=name, behaviour="changed")
    found = rows(variant("FP16", 140, model=name), variant("Q4_K_M", 106, model=name), pairs=(of_model,))
    [violin] = violins(stories(found), distributions(found), 79)
    assert name in plain(violin.heading)
    assert width(violin.heading) <= 79
