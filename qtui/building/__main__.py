"""The command that `make` runs to set up an environment: pip installs the packages while llama.cpp compiles.

    python -m qtui.building --constraints constraints.txt '.[engines,dev]'

It runs before qtui's dependencies are installed, so it imports only rich, platformdirs and psutil.
"""

import argparse
import sys

from qtui.building import environment
from qtui.building.recipe import BACKENDS, choose, for_machine, needs_packages_first
from qtui.errors import UserError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m qtui.building", description=__doc__)
    parser.add_argument("requirement", help="The requirement to install, e.g. '.[engines,dev]'.")
    parser.add_argument("--constraints", help="pip's constraints file.")
    parser.add_argument("--backend", choices=("auto", *BACKENDS), default="auto")
    parser.add_argument("--jobs", type=int, help="Number of compilers at once.")
    arguments = parser.parse_args()
    try:
        notice = _set_up(arguments)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    if notice:
        sys.stderr.write(f"\nNote: {notice}\n")
    return 0


def _set_up(arguments: argparse.Namespace) -> str:
    """Set up the environment. Returns a notice about the chosen back end; empty if there is none."""
    if needs_packages_first():
        environment.install_packages(arguments.requirement, arguments.constraints)
    choice = choose()
    is_chosen_here = arguments.backend == "auto"
    recipe = for_machine(choice.backend if is_chosen_here else arguments.backend)
    environment.set_up(recipe, arguments.requirement, arguments.constraints, arguments.jobs)
    return choice.notice if is_chosen_here else ""


if __name__ == "__main__":
    sys.exit(main())
