"""Entry of `make bench`."""

import importlib
import sys

SUBJECTS = ("startup", "judge", "engines", "size")


def main() -> None:
    print("times as fast as the yardstick: median (spread) of rounds in turns; seconds of the medians")
    for subject in sys.argv[1:] or SUBJECTS:
        for ratio in importlib.import_module(f"tests.bench.{subject}").ratios():
            print(ratio, flush=True)


if __name__ == "__main__":
    main()
