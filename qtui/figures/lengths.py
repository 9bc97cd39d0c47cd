"""Lengths of answers: every variant described, every pair compared, as `qtui lengths --json` prints it.

Lengths are in characters (code points). Keys and digits are those of the study's reference figures; a figure that could not be
computed is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from qtui.figures.pair import Interval, PairFigures
from qtui.figures.rounding import Decimals, Significant

Part = Literal["answer", "thinking"]
"""What is measured: answers without thoughts, or the thoughts of those that have some."""
Characters = Annotated[float | None, Decimals(2)]
CharacterInterval = Annotated[Interval | None, Decimals(2)]
Share = Annotated[float | None, Decimals(4)]
PValue = Annotated[float | None, Significant(4)]


@dataclass(frozen=True, slots=True)
class LengthSummary:
    """Lengths of one variant's answers. Everything but `n` is None where there is no answer; `sd` (n−1) needs two."""

    n: int
    mean: Characters
    sd: Characters
    median: Characters
    q1: Characters
    q3: Characters
    iqr: Characters
    min: int | None
    max: int | None


@dataclass(frozen=True, slots=True)
class PairedLengths:
    """Lengths of a candidate against its baseline, one value per task on each side; differences are candidate − baseline.

    A p value is None if its test cannot be computed (all differences zero, one task).
    """

    n: int
    mean_diff: Characters
    sd_diff: Characters
    boot95: CharacterInterval
    t95: CharacterInterval
    rel_change_mean: Share
    rel_change_median: Share
    median_paired_diff: Characters
    n_longer: int
    n_shorter: int
    n_equal: int
    wilcoxon_W: Characters  # noqa: N815 - the name of the reference figures
    wilcoxon_p: PValue
    sign_p: PValue
    cliffs_delta: Share
    ks_D: Share  # noqa: N815 - the name of the reference figures
    ks_p: PValue
    wasserstein: Characters
    spearman: Share
    mean_abs_diff: Characters


@dataclass(frozen=True, slots=True)
class McNemar:
    """Numbers of tasks that gained and lost a flag from baseline to candidate. `p` is None if both are zero."""

    gained: int
    lost: int
    p: PValue


@dataclass(frozen=True, slots=True)
class FlagChange:
    """A secondary test: McNemar's of one flag. `p_bh` is `p` adjusted over all flags of the run (Benjamini–Hochberg)."""

    gained: int
    lost: int
    p: PValue
    p_bh: PValue


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantLengths:
    """One variant: lengths, number of answers with each flag, shape of the raw lengths.

    `flags` counts answers: empty_strip, lt20_strip, loop, latin_new, …; `flags["truncated"]` is None where no answer has a finish
    reason (an import does not know). `shape` is no-clear-peak, slime, pot, flask, unclassified or None; `shape_stability` is the
    share of bootstraps that agree, `shape_shares` the share that each shape got.
    """

    run_id: int
    experiment: str
    model: str
    variant: str
    is_baseline: bool
    role: str = "candidate"
    """One of `records.Role`."""
    raw: LengthSummary
    stripped: LengthSummary
    flags: Mapping[str, int | None]
    shape: str | None
    shape_stability: Share
    shape_shares: Annotated[Mapping[str, float], Decimals(4)]
    thoughts: int = 0
    """Number of answers with thoughts."""
    thinking_tokens: Characters = None
    """Mean over answers of the tokens spent on thinking; None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLengths(PairFigures):
    """A candidate against its baseline. `identical` counts pairs of answers that are equal after stripping.

    `behaviour` is `changed` if the primary test, Wilcoxon's on stripped lengths, is below 0.05 after Holm's adjustment over the
    `behaviour_comparisons` pairs of the run: `behaviour_p` before, `behaviour_p_holm` after it. `behaviour_flags` are secondary.
    """

    role: str = "candidate"
    """The candidate's role."""
    raw: PairedLengths
    stripped: PairedLengths
    mcnemar: Mapping[str, McNemar]
    identical: int
    identical_raw: int
    identical_strip: int
    """The same as `identical`, under its name in the reference figures."""
    identical_strip_nonempty: int
    shape_baseline: str | None
    shape_candidate: str | None
    behaviour: str | None
    behaviour_reasons: tuple[str, ...]
    behaviour_p_holm: PValue
    behaviour_p: PValue = None
    behaviour_comparisons: int = 0
    behaviour_flags: Mapping[str, FlagChange] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LengthTable:
    """All variants, all pairs, and notes for the reader."""

    variants: tuple[VariantLengths, ...]
    pairs: tuple[PairLengths, ...]
    notes: tuple[str, ...]

    def variant(self, run_id: int, model: str, name: str) -> VariantLengths | None:
        """Return the row of one variant, None if it has no answers."""
        return next((v for v in self.variants if (v.run_id, v.model, v.variant) == (run_id, model, name)), None)
