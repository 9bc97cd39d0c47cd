"""`qtui engines`: build llama.cpp for this machine's processor and GPU, and install it into this environment."""

import click

from qtui.building.recipe import BACKENDS


@click.command()
@click.option(
    "--backend",
    type=click.Choice(["auto", *BACKENDS]),
    default="auto",
    show_default=True,
    help="What llama.cpp computes on; auto: the GPU of this machine, else the CPU.",
)
@click.option(
    "--source", metavar="PATH", help="A folder or archive with llama-cpp-python's sources, instead of a download."
)
@click.option("--offline", is_flag=True, help="Download nothing: use the installed build tools (needs --source).")
@click.option(
    "--portable", is_flag=True, help="Build for all 64-bit processors of this architecture (a shared home): slower."
)
@click.option("--jobs", metavar="N", type=click.IntRange(1, 1024), help="Compilers that run at once.")
@click.option("--force", is_flag=True, help="Build again even if the same build is installed or cached.")
@click.option("--pip-command", is_flag=True, help="Build nothing: print the equivalent pip command.")
def engines(
    *,
    backend: str,
    source: str | None,
    offline: bool,
    portable: bool,
    jobs: int | None,
    force: bool,
    pip_command: bool,
) -> int:
    """Build llama.cpp for this machine and install it into this environment. Takes one to ten minutes.

    With an NVIDIA GPU and nvcc, it is built for that card. Builds are cached by processor, GPU, compiler and flags, so the same
    build is made only once.
    """
    from qtui.building import environment, recipe
    from qtui.building.progress import Board
    from qtui.building.source import identity, resolve
    from qtui.errors import UserError
    from qtui.files import disk_errors
    from qtui.processes.termination import exit_on_termination

    if offline and source is None:
        raise click.UsageError("--offline downloads nothing, so it needs --source PATH.")
    choice = recipe.choose()
    chosen = choice.backend if backend == "auto" else next(each for each in BACKENDS if each == backend)
    sources = None if source is None else resolve(source)
    build = recipe.for_machine(chosen, portable=portable, source=identity(sources) if sources else "")
    if pip_command:
        click.echo(recipe.pip_command(build))
        return 0
    options = environment.Source(str(sources) if sources else None, is_offline=offline, is_forced=force, jobs=jobs)
    try:
        with exit_on_termination(), Board() as board:
            environment.install_llama_cpp(build, board, options)
    except OSError as error:
        raise UserError(disk_errors.describe(error)) from None
    if choice.notice and backend == "auto":
        click.echo(f"Note: {choice.notice}", err=True)
    return 0
