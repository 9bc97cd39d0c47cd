"""Progress of what takes long before answers come (fetching, hashing, converting, loading), as messages of the protocol."""

from collections.abc import Callable

from qtui.engines.protocol.answering import Loading

LoadingReport = Callable[[Loading], None]


def whole_percents(report: LoadingReport, phase: str) -> Callable[[float], None]:
    """A function that takes fractions (0 to 1) and reports at most every whole percent.

    A large file is read in thousands of pieces.
    """
    last = -1

    def progress(fraction: float) -> None:
        nonlocal last
        percent = int(fraction * 100)
        if percent > last:
            last = percent
            report(Loading(phase, min(1.0, fraction)))

    return progress
