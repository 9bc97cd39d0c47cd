"""What the workbench sends to a terminal per key, against what the changed cells need, and how fast it answers on a busy machine.

Three sessions of the real `qtui` in a pseudo-terminal, over one store: drawing the changes, drawing everything (`redraw = "full"`),
and drawing the changes while every core is busy and a writer adds 1,000 answers a second. `--store FILE` measures on a copy of
another store. The keys of a pane go down and up, so that each of them changes the screen.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.pseudo_terminal import PseudoTerminal
from tests.bench.thousand_answers import make_store

COLUMNS, ROWS = 120, 40
PANES = {"Tasks": ("2", "jjjkkk"), "Compare": ("3", "nnnppp"), "Scores": ("4", "jjjkkk"), "Lengths": ("5", "jjjkkk")}
"""Pane → the key that opens it, and keys whose effect is measured."""
MODELS = ("Models", "6", "jjjkkk")
ROUNDS = 3
KEYS_TIMED = 100


@dataclass(frozen=True)
class Sent:
    """Bytes of the median key, and those that its changed cells need."""

    pane: str
    sent: int
    needed: int
    sent_full: int

    def __str__(self) -> str:
        times, times_full = self.sent / self.needed, self.sent_full / self.needed
        return (
            f"{self.pane:<10} {self.sent:>6,} bytes a key, {times:4.2f} × the {self.needed:,} that its changed cells need"
            f' (redraw = "full": {self.sent_full:,}, {times_full:.1f} ×)'
        )


@dataclass(frozen=True)
class Latency:
    case: str
    milliseconds: tuple[float, ...]

    def __str__(self) -> str:
        ordered = sorted(self.milliseconds)
        p50, p99 = statistics.median(ordered), ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
        return f"{self.case:<58} {p50:5.1f} ms p50, {p99:5.1f} ms p99, {len(ordered)} keys"


def ratios() -> Iterator[Sent | Latency]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = folder / "store.sqlite"
        if given := os.environ.get("QTUI_BENCH_STORE"):
            shutil.copyfile(given, store)
        else:
            make_store(store)
        changes, full = (_sent(folder, store, redraw) for redraw in ("changes", "full"))
        for pane, (sent, needed) in changes.items():
            yield Sent(pane, sent, needed, full[pane][0])
        for redraw in ("changes", "full"):
            yield Latency(f'redraw = "{redraw}", nothing else runs here', _latency(folder, store, redraw))
        with _busy(store):
            for redraw in ("changes", "full"):
                case = f'redraw = "{redraw}", all cores busy, 1,000 answers/s written'
                yield Latency(case, _latency(folder, store, redraw))


def _sent(folder: Path, store: Path, redraw: str) -> dict[str, tuple[int, int]]:
    """Pane → (bytes sent, bytes needed) of the median key."""
    found = {}
    with _workbench(folder, store, redraw) as terminal:
        for pane, (number, keys) in {**PANES, MODELS[0]: MODELS[1:]}.items():
            terminal.press(number)
            steps = [terminal.press(key) for key in keys * ROUNDS]
            # A key at the end of a list changes nothing.
            steps = [step for step in steps if step.needed]
            if steps:
                sent = statistics.median_low(step.sent for step in steps)
                found[pane] = sent, round(statistics.median_low(step.needed for step in steps))
    return found


def _latency(folder: Path, store: Path, redraw: str) -> tuple[float, ...]:
    with _workbench(folder, store, redraw) as terminal:
        terminal.press("2")
        return tuple(terminal.answer_time("jk"[number % 2]) * 1e3 for number in range(KEYS_TIMED))


@contextlib.contextmanager
def _workbench(folder: Path, store: Path, redraw: str) -> Iterator[PseudoTerminal]:
    home = folder / redraw
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(f'redraw = "{redraw}"\n')
    command = [sys.executable, "-m", "qtui", "--store", str(store)]
    with PseudoTerminal(command, COLUMNS, ROWS, {"QTUI_HOME": str(home)}) as terminal:
        terminal.wait_for("Runs")
        yield terminal


@contextlib.contextmanager
def _busy(store: Path) -> Iterator[None]:
    """Keep every core busy, and add 1,000 answers a second to the store."""
    context = multiprocessing.get_context("spawn")
    spinning = [context.Process(target=_spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for process in spinning:
        process.start()
    writer = subprocess.Popen([sys.executable, "-m", "tests.bench.thousand_answers", str(store)])
    time.sleep(2.0)
    try:
        yield
    finally:
        writer.send_signal(signal.SIGTERM)
        writer.wait()
        for process in spinning:
            process.kill()


def _spin() -> None:
    while True:
        sum(range(10_000))
