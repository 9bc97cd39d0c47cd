"""Entry of `make torture N=100 SEED=1`: so many rounds, one line each, and the totals. Exit status 1 if any round failed.

Round i of a call with SEED s has the seed s * 1000 + i, so that a failed one is repeated by `make torture ROUND=…`.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.torture.plan import plan
from tests.torture.round import Report, Undisturbed, end_all, round_of, undisturbed

ROUNDS_PER_SEED = 1000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=int, action="append", help="do the round with this seed, once per option")
    parser.add_argument("--at-once", type=int, default=2, help="how many rounds run side by side")
    parser.add_argument("--keep", type=Path, help="a folder for what failed rounds leave: store, logs, endpoints")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    seeds = arguments.round or [arguments.seed * ROUNDS_PER_SEED + i for i in range(arguments.rounds)]
    with tempfile.TemporaryDirectory(prefix="qtui-torture-") as folder:
        try:
            reports = list(rounds(seeds, Path(folder), arguments.at_once, arguments.keep))
        finally:
            end_all(Path(folder))
    print(totals(reports), flush=True)
    return 1 if any(report.problems for report in reports) else 0


def rounds(seeds: Sequence[int], folder: Path, at_once: int, keep: Path | None) -> Iterator[Report]:
    """Do the rounds, print a line for each as it ends, and yield how it went."""
    whole = undisturbed(folder / "undisturbed")
    print(f"undisturbed: {whole.rows.count} answers, grades and scores in {whole.seconds:.0f} s", flush=True)
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(lambda seed: _round(seed, folder / str(seed), whole, keep), seeds)


def _round(seed: int, path: Path, whole: Undisturbed, keep: Path | None) -> Report:
    report = round_of(plan(seed), path, whole)
    print(report, flush=True)
    if report.problems and keep is not None:
        shutil.copytree(path, keep / str(seed), dirs_exist_ok=True)
    shutil.rmtree(path)
    return report


def totals(reports: Sequence[Report]) -> str:
    """What was done and how it went, in a few lines."""
    good = [report for report in reports if not report.problems]
    landed = Counter(f"{strike.action} {strike.victim}" for report in reports for strike in report.landed)
    missed = sum(len(report.missed) for report in reports)
    failed = [str(report.plan.seed) for report in reports if report.problems]
    lines = [
        f"{len(good)} of {len(reports)} rounds have everything once, nothing lost, doubled, asked twice or left behind",
        f"{sum(landed.values())} strikes ({missed} came too late): "
        + ", ".join(f"{name} {n}" for name, n in landed.most_common()),
        f"{sum(report.commands for report in reports)} commands; {sum(report.asked_again for report in reports)} questions"
        " were asked again because their reply was lost",
    ]
    if failed:
        lines.append(f"failed: {' '.join(failed)} (again: make torture ROUND={failed[0]})")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
