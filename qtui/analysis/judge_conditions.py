"""Were both sides graded by one judge under the same settings? Only then are their grades on one scale.

A judge changes with its prompt and version, and with what its endpoint takes: where a temperature is refused, the endpoint's own
applies, which may be another one later.
"""

from collections.abc import Sequence

from qtui.analysis.conditions import OFF
from qtui.analysis.grades import VariantGrades
from qtui.analysis.verdict import Guard


def changed_guard(judge: str, sides: Sequence[VariantGrades]) -> Guard | None:
    """Return why the grades of these sides are not on one scale; None if nothing says so."""
    if len({setting for side in sides for setting in side.settings}) > 1:
        return Guard("different judges", f"the prompt, version or settings of {judge} changed between gradings")
    decisive = {
        tuple(name for name in _names(refused) if name not in OFF) for side in sides for refused in side.left_out
    }
    if len(decisive) > 1:
        names = ", ".join(sorted({name for each in decisive for name in each}))
        return Guard("different judges", f"the endpoint of {judge} did not take {names} for some of the grades")
    return None


def notes(judge: str, sides: Sequence[VariantGrades | None]) -> tuple[str, ...]:
    """Return what the judge's endpoint refused, so that its own values applied."""
    refused = {name for side in sides if side is not None for each in side.left_out for name in _names(each)}
    names = ", ".join(sorted(refused))
    return (f"not taken by the endpoint of {judge}, whose own values applied: {names}",) if names else ()


def _names(left_out: str) -> list[str]:
    return [name for name in left_out.split(",") if name]
