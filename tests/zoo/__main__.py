"""`python -m tests.zoo PAGE` writes the table of architectures; `--only` puts one through and prints what was found."""

import argparse
import tempfile
from pathlib import Path

from qtui.engines.conversion import converter
from tests.zoo import table
from tests.zoo.kinds import KINDS


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("page", type=Path, nargs="?")
    asked.add_argument("--only", metavar="FAMILY", help="as its folder is named, such as qwen3-moe")
    asked.add_argument("--converter", type=Path, help="a folder with llama.cpp's sources; fetched if none is named")
    asked.add_argument("--home", type=Path, help="where its checkpoint is kept")
    given = asked.parse_args()
    sources = converter.find_script(given.converter, lambda *_: None).parent
    if given.page:
        table.write(given.page, sources)
    if given.only:
        with tempfile.TemporaryDirectory() as scratch:
            _try_one(given.only, given.home or Path(scratch), sources)


def _try_one(slug: str, home: Path, sources: Path) -> None:
    import torch

    from tests.zoo.trial import put_through

    torch.set_num_threads(1)
    (kind,) = (each for each in KINDS if each.slug == slug)
    outcome = put_through(kind, home, sources)
    print(*(outcome.faults or ["both engines run it and agree"]), sep="\n")


if __name__ == "__main__":
    main()
