"""Entry of `make bench`: `make bench ARGS="terminal --store FILE"`."""

import argparse
import importlib
import os

SUBJECTS = ("startup", "judge", "engines", "size")
OTHERS = ("terminal",)
"""Subjects that are measured when they are named: their figures are no ratios of times."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("subjects", nargs="*", help=", ".join((*SUBJECTS, *OTHERS)))
    parser.add_argument("--store", help="measure the workbench on a copy of this store")
    chosen = parser.parse_args()
    if chosen.store:
        os.environ["QTUI_BENCH_STORE"] = chosen.store
    print("times as fast as the yardstick: median (spread) of rounds in turns; seconds of the medians")
    for subject in chosen.subjects or SUBJECTS:
        for ratio in importlib.import_module(f"tests.bench.{subject}").ratios():
            print(ratio, flush=True)


if __name__ == "__main__":
    main()
