"""What a candidate's difference is held against: the same figures of the control arm and of the noise floor of its model.

A control arm's difference is the engine's doing and a noise floor's is chance's; neither says anything of quantization, and each
row says so before its verdict. How many answers are other ones needs no judge and is what such a difference shows in first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from qtui.analysis.pairing import Pair
from qtui.figures.scores import PairMeasurement
from qtui.format import signed
from qtui.records import CONTROL_ARM, NOISE_FLOOR

LEADS: Mapping[str, str] = {
    CONTROL_ARM: "control arm (what the engine does): ",
    NOISE_FLOOR: "noise floor (what chance does): ",
}
"""What a verdict is about, where it is not about quantization."""
_YARDSTICK_ROLES: Mapping[str, Sequence[str]] = {"candidate": (CONTROL_ARM, NOISE_FLOOR), CONTROL_ARM: (NOISE_FLOOR,)}


def differing(pair: Pair) -> int:
    """How many answers are not the baseline's, blanks at the ends left out."""
    texts = zip(pair.answers["text_b"].tolist(), pair.answers["text_c"].tolist(), strict=True)
    return sum(_text(b) != _text(c) for b, c in texts)


def comparable(measurement: PairMeasurement, others: Sequence[PairMeasurement]) -> tuple[PairMeasurement, ...]:
    """Those of the same model and judge that `own` is to be held against: none for a noise floor, which is the last of them."""
    return tuple(
        other
        for role in _YARDSTICK_ROLES.get(measurement.role, ())
        for other in others
        if other.role == role and other.answers
    )


def sentences(measurement: PairMeasurement, yardsticks: Sequence[PairMeasurement]) -> tuple[str, ...]:
    """`answers that differ from the baseline's: Q4_K_M 9 of 52, noise floor 3 of 52`; the same of the grades where there are."""
    if not yardsticks or not measurement.answers:
        return ()
    name = measurement.candidate if measurement.role == "candidate" else measurement.role
    named = [(name, measurement), *((each.role, each) for each in yardsticks)]
    counts = ", ".join(f"{name} {each.differing} of {each.answers}" for name, each in named)
    lines = [f"answers that differ from the baseline's: {counts}"]
    graded = [f"{name} {signed(each.difference)}" for name, each in named if each.difference is not None]
    if len(graded) == len(named):
        lines.append(f"difference of grades: {', '.join(graded)}")
    return tuple(lines)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
