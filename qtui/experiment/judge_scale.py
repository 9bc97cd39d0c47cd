"""The scale of a judge: `[1, 10]`, or a table of consecutive whole numbers with their labels."""

from collections.abc import Callable, Mapping

from qtui.records import FIVE_POINTS, Scale

MOST_NUMBERS = 101
"""0 to 100 is the finest scale; judges that are asked for finer ones repeat themselves."""
LONGEST_LABEL = 300


def scale(value: tuple[int, int] | Mapping[str, str] | None, problem: Callable[[str], None]) -> Scale:
    """Return the scale that a file describes, and 1–5 if it describes none or a wrong one, which is reported."""
    if value is None:
        return FIVE_POINTS
    found = _of_labels(value, problem) if isinstance(value, Mapping) else Scale(value[0], value[1])
    if found is None:
        return FIVE_POINTS
    if found.lowest >= found.highest:
        problem(
            f"goes from {found.lowest} to {found.highest}. The first number is the worst and must be the lower one."
        )
        return FIVE_POINTS
    if len(found.numbers) > MOST_NUMBERS:
        problem(f"has {len(found.numbers)} numbers; at most {MOST_NUMBERS} are possible.")
        return FIVE_POINTS
    return found


def _of_labels(table: Mapping[str, str], problem: Callable[[str], None]) -> Scale | None:
    try:
        labels = {int(number): " ".join(label.split()) for number, label in table.items()}
    except ValueError:
        problem('needs whole numbers as keys, e.g. scale = { 1 = "wrong", 2 = "partly right", 3 = "right" }.')
        return None
    if len(labels) < len(table) or len(labels) < 2:
        problem("needs at least two different numbers.")
        return None
    lowest, highest = min(labels), max(labels)
    if missing := [number for number in range(lowest, min(highest, lowest + MOST_NUMBERS)) if number not in labels]:
        problem(f"leaves out {missing[0]}. Its numbers must be consecutive.")
        return None
    if bad := [number for number, label in labels.items() if not label or len(label) > LONGEST_LABEL]:
        problem(f"has a label of {bad[0]} that is empty or longer than {LONGEST_LABEL} characters.")
        return None
    return Scale(lowest, highest, tuple(labels[number] for number in range(lowest, highest + 1)))
