"""Yardsticks for a candidate's difference: the same figures of the control arm and the noise floor of its model.

The difference of a control arm is caused by the engine, that of a noise floor by chance; neither is about quantization, and the
verdict sentence of such a row says so. The number of differing answers needs no judge and is the most sensitive of these figures.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from qtui.analysis.pairing import Pair
from qtui.figures.scores import PairMeasurement
from qtui.format import signed
from qtui.records import CONTROL_ARM, NOISE_FLOOR

LEADS: Mapping[str, str] = {
    CONTROL_ARM: "control arm (effect of the engine): ",
    NOISE_FLOOR: "noise floor (effect of chance): ",
}
"""Beginning of the verdict sentence by role: what the difference measures if it is not quantization."""
_YARDSTICK_ROLES: Mapping[str, Sequence[str]] = {"candidate": (CONTROL_ARM, NOISE_FLOOR), CONTROL_ARM: (NOISE_FLOOR,)}


def differing(pair: Pair) -> int:
    """Return how many answers differ from the baseline's, ignoring white space at both ends."""
    texts = zip(pair.answers["text_b"].tolist(), pair.answers["text_c"].tolist(), strict=True)
    return sum(_text(b) != _text(c) for b, c in texts)


def comparable(measurement: PairMeasurement, others: Sequence[PairMeasurement]) -> tuple[PairMeasurement, ...]:
    """Return the measurements in `others` (same model and judge) that this one is compared with: none for a noise floor."""
    return tuple(
        other
        for role in _YARDSTICK_ROLES.get(measurement.role, ())
        for other in others
        if other.role == role and other.answers
    )


def sentences(measurement: PairMeasurement, yardsticks: Sequence[PairMeasurement]) -> tuple[str, ...]:
    """`answers that differ from the baseline's: Q4_K_M 9 of 52, noise floor 3 of 52`; the same for grades if there are any."""
    if not yardsticks or not measurement.answers:
        return ()
    name = measurement.candidate if measurement.role == "candidate" else measurement.role
    named = [(name, measurement), *((each.role, each) for each in yardsticks)]
    counts = ", ".join(f"{name} {each.differing} of {each.answers}" for name, each in named)
    lines = [f"answers that differ from the baseline's: {counts}"]
    graded = [f"{name} {signed(each.difference)}" for name, each in named if each.difference is not None]
    if len(graded) == len(named):
        lines.append(f"difference in grades: {', '.join(graded)}")
    return tuple(lines)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
