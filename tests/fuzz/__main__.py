"""`python -m tests.fuzz`: damaged inputs, as many as asked for; exit code 1 if one is neither read nor answered by a sentence."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.arena import FINE, GOOD, SENTENCE, Kind, Tally, make_only, outcomes, read
from tests.fuzz.kinds import KINDS

SHOWN = 3
_END = "\n"
MOST_LINES = 4
"""Of the details of a finding."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("-n", type=int, default=2000, help="how many inputs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", metavar="KIND", help=f"of {', '.join(kind.name for kind in KINDS)}")
    parser.add_argument(
        "--number", type=int, help="only this input of --only KIND, in this process, with its traceback"
    )
    parser.add_argument("--keep", type=Path, help="write the input of --number into this folder")
    parser.add_argument("--sentences", action="store_true", help="print the sentences, too")
    options = parser.parse_args()
    kinds = [kind for kind in KINDS if not options.only or kind.name in options.only]
    with tempfile.TemporaryDirectory(prefix="qtui-fuzz-") as work:
        if options.number is not None:
            return _one(kinds[0], options.number, options.seed, options.keep or Path(work))
        return _all(kinds, options.n, options.seed, Path(work), prints_sentences=options.sentences)


def _one(kind: Kind, number: int, seed: int, home: Path) -> int:
    (home / "real").mkdir(parents=True, exist_ok=True)
    kind.prepare(home / "real")
    make_only(kind, number, seed, home / "input")
    result, detail = read(kind, home / "input")
    print(f"{kind.name} {number} (seed {seed}): {result}\n{detail}")
    return 0 if result in GOOD else 1


def _all(kinds: list[Kind], count: int, seed: int, work: Path, *, prints_sentences: bool) -> int:
    tally = Tally()
    weights = sum(kind.weight for kind in kinds)
    for kind in kinds:
        home = work / kind.name
        (home / "real").mkdir(parents=True)
        kind.prepare(home / "real")
        began = time.monotonic()
        for outcome in outcomes(kind, range(max(1, count * kind.weight // weights)), seed, home):
            if tally.add(outcome):
                _print(f"{kind.name} {outcome.number}: {outcome.result} {outcome.detail.partition(_END)[0]}")
            if prints_sentences and outcome.result == SENTENCE:
                _print(f"{kind.name} {outcome.number}: {outcome.detail}")
        _print(f"{_line(kind, tally)}  ({time.monotonic() - began:.0f} s)")
    for (name, result, place), found in sorted(tally.findings.items(), key=lambda item: -len(item[1])):
        numbers = ", ".join(str(each.number) for each in found[:SHOWN])
        _print(f"\n{len(found)}x {name}: {result} {place}")
        for line in found[0].detail.splitlines()[1:][-MOST_LINES:]:
            _print(f"    {line[:200]}")
        _print(f"  again: python -m tests.fuzz --only {name} --seed {seed} --number {numbers}")
    return 1 if tally.findings else 0


def _line(kind: Kind, tally: Tally) -> str:
    counts = {result: number for (name, result), number in tally.counts.items() if name == kind.name}
    bad = {result: number for result, number in counts.items() if result not in (FINE, SENTENCE)}
    text = f"{kind.name:<14}{sum(counts.values()):>6} inputs {counts.get(FINE, 0):>6} fine {counts.get(SENTENCE, 0):>6} a sentence"
    return text + "".join(f"  {number} {result}" for result, number in bad.items())


def _print(text: str) -> None:
    sys.stdout.buffer.write(text.encode(errors="backslashreplace") + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
