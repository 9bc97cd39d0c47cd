"""What a large store costs the workbench and `qtui runs`, against the same with 1,000 answers. Fresh processes, an empty cache.

QTUI_BENCH_ANSWERS says how many answers (100,000 unless it is set); QTUI_BENCH_STORE names a store that `tests.bench.sized_store`
made.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import sized_store

SMALL, LARGE = 1_000, int(os.environ.get("QTUI_BENCH_ANSWERS", "100000"))

OPENED = """
import asyncio, json, sys, time
from pathlib import Path
import psutil
from qtui.ui.app import QtuiApp
from tests.ui.waiting import screen_text

SECONDS = 600.0

async def delays(found):
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        found.append(time.perf_counter() - began - 0.005)

async def until(pilot, is_there):
    began = time.perf_counter()
    while not is_there(screen_text(pilot)):
        assert time.perf_counter() - began < SECONDS, screen_text(pilot)
        await asyncio.sleep(0.1)
    return time.perf_counter() - began

async def main():
    began = time.perf_counter()
    app = QtuiApp(Path(sys.argv[1]))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda text: "sized" in text)
        figures = {"ready": time.perf_counter() - began}
        found = []
        watch = asyncio.create_task(delays(found))
        for name, key, words in (("scores", "4", "verdict"), ("lengths", "5", "model-1")):
            await pilot.press(key)
            figures[name] = await until(pilot, lambda text: words in text and "Computing the" not in text)
        watch.cancel()
        figures["delay"] = sorted(found)[int(len(found) * 0.99)]
        figures["memory"] = psutil.Process().memory_info().rss
    print(json.dumps(figures))

if __name__ == "__main__":
    asyncio.run(main())
"""
RUNS = "import sys; sys.argv = ['qtui', 'runs', '--store', sys.argv[1]]; from qtui.cli import main; main()"
NAMES = {
    "ready": "workbench to its first frame with the run",
    "scores": "Scores to its first numbers",
    "lengths": "Lengths to its first numbers",
    "delay": "event loop late, 99 of 100 times at most",
    "memory": "memory of the interface, GB",
    "runs": "qtui runs",
}


@dataclass(frozen=True)
class Cost:
    name: str
    large: float
    small: float

    def __str__(self) -> str:
        times = self.large / self.small if self.small > 0 else float("inf")
        return (
            f"{self.name:<58} {times:6.2f} times that of {SMALL:,} answers: {self.large:8.3f} against {self.small:.3f}"
        )


def ratios() -> Iterator[Cost]:
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.sqlite"
        sized_store.fill(small, SMALL)
        large = Path(os.environ.get("QTUI_BENCH_STORE", Path(folder) / "large.sqlite"))
        if not large.exists():
            sized_store.fill(large, LARGE)
        for when in ("the first time", "the second time"):
            of_large, of_small = _measured(large, Path(folder)), _measured(small, Path(folder))
            for key, name in NAMES.items():
                yield Cost(f"{name}, {when}", of_large[key], of_small[key])


def _measured(store: Path, folder: Path) -> dict[str, float]:
    """Return the figures of `NAMES`, with caches of this measurement's own."""
    environment = os.environ | {f"XDG_{name}_HOME": str(folder / name) for name in ("CACHE", "CONFIG", "DATA", "STATE")}
    figures: dict[str, float] = json.loads(_python(OPENED, store, environment).splitlines()[-1])
    began = time.perf_counter()
    _python(RUNS, store, environment)
    return figures | {"runs": time.perf_counter() - began, "memory": figures["memory"] / 1e9}


def _python(code: str, store: Path, environment: dict[str, str]) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".py") as program:  # the figures process imports it anew
        program.write(code)
        program.flush()
        return subprocess.run(
            [sys.executable, program.name, str(store)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout


if __name__ == "__main__":
    for cost in ratios():
        print(cost, flush=True)
