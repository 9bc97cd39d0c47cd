"""What judges that compare say of two answers, from the point of view of one side: won, lost or tied, and why in each order."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from qtui.store.preferences import PreferenceLine

WON, LOST, TIE, TURNED, UNJUDGED = "preferred", "not preferred", "tie", "tie: turns with the order", "unjudged"


def outcomes(lines: Sequence[PreferenceLine], variant: str) -> list[tuple[str, str]]:
    """Return (judge, what came of it for this variant) for every judge; of several takes how often each."""
    found: list[tuple[str, str]] = []
    for judge, of_judge in groupby(lines, key=lambda line: line.judge):
        takes = [_outcome(list(orders), variant) for _, orders in groupby(of_judge, key=lambda line: line.take)]
        counted = Counter(takes)
        words = takes[0] if len(takes) == 1 else ", ".join(f"{word} {number}×" for word, number in counted.items())
        found.append((judge, words))
    return found


def reasons(lines: Sequence[PreferenceLine]) -> list[tuple[str, str]]:
    """Return (heading, reason) of every reply: judge, take, which answer came first, and what is preferred."""
    takes = {line.judge: max(each.take for each in lines if each.judge == line.judge) for line in lines}
    found: list[tuple[str, str]] = []
    for line in lines:
        first = line.candidate if line.candidate_first else line.baseline
        take = f", take {line.take}" if takes[line.judge] > 1 else ""
        found.append((f"{line.judge}{take}, {first} first: {_said(line)}", line.reason.strip() or "(no reason)"))
    return found


def _said(line: PreferenceLine) -> str:
    if line.choice is None:
        return UNJUDGED
    return TIE if line.preferred is None else f"prefers {line.preferred}"


def _outcome(orders: Sequence[PreferenceLine], variant: str) -> str:
    """Return what one comparison is for a variant."""
    if any(line.choice is None for line in orders) or len({line.candidate_first for line in orders}) < 2:
        return UNJUDGED
    preferred = {line.preferred for line in orders}
    if len(preferred) == 1:
        return TIE if None in preferred else WON if variant in preferred else LOST
    return TIE if None in preferred else TURNED
