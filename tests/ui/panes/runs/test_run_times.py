"""What Runs says of how long a run took."""

import pytest
from rich.style import Style

from qtui.run_progress import NOTHING_TO_DO, Attempt, RunSummary
from qtui.ui.panes.runs.run_lines import run_lines
from qtui.ui.widgets.lines import ROLES


def attempt(
    started: float, ended: float | None, outcome: str = "done", *, paused: float = 0, since: float | None = None
) -> Attempt:
    seen = started + 7 if ended is None else ended
    return Attempt("host", 1, started, seen, ended, outcome, paused, since)


def heading(state: str, *attempts: Attempt) -> str:
    """The lines over a run, a minute after 1000."""
    run = RunSummary(
        id=1,
        experiment="e",
        source="run",
        origin="e.toml",
        state=state,
        reason="",
        task_set="t",
        tasks=1,
        created=900,
        started=attempts[0].started,
        ended=attempts[-1].ended,
        variants=(),
        judges=(),
        attempts=attempts,
    )
    return " ".join(line.plain for line in run_lines(run, 200, dict.fromkeys(ROLES, Style()), now=1060))


@pytest.mark.parametrize(
    ("state", "attempts", "said"),
    [
        ("done", [attempt(100, 120)], "took 0:20 ·"),
        ("running", [attempt(1000, None, "")], "1:00 so far ·"),
        ("paused", [attempt(1000, None, "", since=1010)], "0:10 so far (pauses excluded) ·"),
        ("interrupted", [attempt(100, None, "")], "0:07 until the interruption ·"),
        (
            "done",
            [attempt(100, 130, "interrupted"), attempt(900, 905)],
            "took 0:35 (resumed; gaps excluded) ·",
        ),
        (
            "running",
            [attempt(100, 130, "cancelled"), attempt(1055, None, "")],
            "0:35 so far (resumed; gaps excluded)",
        ),
        ("done", [attempt(100, 190, paused=60)], "took 0:30 (pauses excluded) ·"),
        (
            "done",
            [attempt(100, 190, "failed", paused=60), attempt(900, 910)],
            "took 0:40 (resumed; pauses and gaps excluded) ·",
        ),
        ("done", [attempt(100, 120), attempt(900, 910, NOTHING_TO_DO)], "took 0:20 ·"),
    ],
)
def test_time_is_that_of_the_attempts(state: str, attempts: list[Attempt], said: str) -> None:
    assert said in heading(state, *attempts)
