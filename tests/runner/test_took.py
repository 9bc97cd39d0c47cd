"""How long a run took whose runner was killed and which was resumed a day later: real runners, the day put into the store."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.style import Style

from qtui.ui.panes.runs.run_lines import run_lines
from qtui.ui.widgets.lines import ROLES
from tests import stores
from tests.runner.test_survival import Runs, kill

pytest.importorskip("llama_cpp", reason="needs the engines extra")

DAY = 86_400.0


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Runs]:
    there = Runs(tmp_path)
    yield there
    there.stop_all()


def put_a_day_back(there: Runs) -> None:
    """As if all that was done so far had been done a day before."""
    columns = {"attempt": ("started", "seen", "ended"), "run": ("started", "ended"), "answer": ("created",)}
    stores.move_back(there.store, DAY, columns)


def test_day_between_a_kill_and_the_resumption_is_in_no_figure(experiment: Runs) -> None:
    experiment.start()
    experiment.wait(lambda run: run.answered >= 3)
    kill(experiment.runner(1))
    put_a_day_back(experiment)
    assert experiment.qtui("resume", "1").returncode == 0

    [run] = json.loads(experiment.qtui("runs", "--json").stdout)["runs"]
    assert 0 < run["active_seconds"] < DAY
    assert [attempt["outcome"] for attempt in run["attempts"]] == ["interrupted", "done"]
    text = " ".join(line.plain for line in run_lines(experiment.summary(), 120, dict.fromkeys(ROLES, Style())))
    assert "(resumed; gaps excluded)" in text
    minutes = text.split("took ")[1].split(" ")[0]
    assert minutes.count(":") == 1, f"{minutes}: less than an hour"


def test_pause_is_in_no_figure(experiment: Runs) -> None:
    experiment.start()
    experiment.wait(lambda run: run.answered >= 3)
    experiment.qtui("pause", "1")
    experiment.wait(lambda run: run.state == "paused")
    [attempt] = experiment.summary().attempts
    assert attempt.paused_since is not None
    # As if the run had been started and paused a day before.
    columns = {"attempt": ("started", "paused_since"), "run": ("started",)}
    stores.move_back(experiment.store, DAY, columns)
    experiment.qtui("pause", "1", "--off")
    run = experiment.wait(lambda run: run.state == "done")
    assert run.attempts[0].paused_seconds > DAY
    assert 0 < (run.active_seconds(0) or 0) < DAY
