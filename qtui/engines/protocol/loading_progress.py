"""Progress before the first answer (downloading, hashing, converting, loading), as messages of the protocol."""

from collections.abc import Callable

from qtui.engines.protocol.answering import Loading

LoadingReport = Callable[[Loading], None]


def whole_percents(report: LoadingReport, phase: str) -> Callable[[float], None]:
    """Return a function that takes fractions (0 to 1) and reports at most one message per percent.

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
