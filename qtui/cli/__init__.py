"""The command line: which commands there are, and how every one of them ends.

Commands are named here and imported when they are called, so that `qtui --help` and the workbench load nothing that they do not
need. stdout is data, stderr is talk. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a gate not met, 130 interrupted.
"""

import importlib
import io
import os
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn

import click

from qtui import __version__
from qtui.cli.options import store_option
from qtui.errors import UserError
from qtui.processes import log
from qtui.secrets import redaction

FAILED, INTERRUPTED = 1, 130


class Entry(NamedTuple):
    target: str
    """`module:attribute` of the click command."""
    help: str
    """The line in `qtui --help`, which imports no command."""


COMMANDS = {
    "demo": Entry("qtui.cli.demo:demo", "Run the demo, live in the workbench or as a table."),
    "run": Entry("qtui.cli.run:run", "Run an experiment, or go on with it where it stopped."),
    "resume": Entry("qtui.cli.run:resume", "Go on with a run that was cancelled, interrupted or failed in parts."),
    "pause": Entry("qtui.cli.run:pause", "Hold a run where it is, or let it go on."),
    "cancel": Entry("qtui.cli.run:cancel", "Stop a run; what is done is kept."),
    "judge": Entry("qtui.cli.judge:judge", "Have answers graded by another judge, or remove a judge."),
    "scores": Entry("qtui.cli.scores:scores", "Mean grades before and after, and the verdict."),
    "lengths": Entry("qtui.cli.lengths:lengths", "Lengths and shapes of the answers, before and after."),
    "divergence": Entry(
        "qtui.cli.divergence:divergence", "How far each next token is from the baseline's, with both models."
    ),
    "compare": Entry("qtui.cli.compare:compare", "The answers to one task, side by side."),
    "check": Entry("qtui.cli.scores:check", "Exit with 3 unless every candidate is good enough."),
    "import": Entry("qtui.cli.importing:import_", "Read answers and grades that another program made."),
    "export": Entry(
        "qtui.cli.export:export", "Write answers, grades, scores, lengths or divergence for other programs."
    ),
    "runs": Entry("qtui.cli.runs:runs", "The runs in the store and what they are doing."),
    "quantize": Entry("qtui.cli.quantize:quantize", "Make GGUF files of other types from a model."),
    "bench": Entry("qtui.cli.bench:bench", "Size, memory and speed of a model's types on this machine."),
    "engines": Entry("qtui.cli.engines:engines", "Build llama.cpp for this machine's processor and GPU."),
    "models": Entry("qtui.cli.runs:models", "The models that qtui knows by name."),
    "doctor": Entry("qtui.cli.doctor:doctor", "What this machine can do."),
    "locate": Entry("qtui.cli.locate:locate", "Where things are."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown name is answered with the nearest known one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else " `qtui --help` lists the commands."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@store_option
@click.version_option(__version__, "--version", "-V", message="qtui %(version)s")
@click.pass_context
def cli(context: click.Context, store: Path) -> None:
    """What does a language model lose when it is quantized? Run it, grade it, look at it.

    Without a command this opens the workbench.
    """
    if context.invoked_subcommand is None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UserError("the workbench needs a terminal; `qtui --help` lists the commands that do not.")
        from qtui.ui.app import run

        run(store)


def main() -> NoReturn:
    """Run the command line and exit. No traceback reaches a user: a defect's goes to the log file, and so does a crash's."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # In a locale that is not UTF-8 a `?` stands for what it cannot write.
        sys.stdout.reconfigure(errors="replace")
    with redaction.guarded_streams(stdout=False):
        log.begin_command(_log_file(), redaction.redact_message(f"qtui {' '.join(sys.argv[1:])}".strip()))
        status = _exit_code()
        log.end_command()
    sys.exit(status)


def _exit_code() -> int:
    try:
        result = cli.main(prog_name="qtui", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        click.echo(f"error: {_harmless(str(error))}", err=True)
        return FAILED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe (head, less) has left: nothing more to say, and the interpreter must not flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        click.echo(f"error: {_harmless(_explain(error))}", err=True)
        return FAILED
    return result if isinstance(result, int) else 0


def _harmless(text: str) -> str:
    """Names from a store, a file or an endpoint are part of messages; loaded only when there is one."""
    from qtui.text import safe

    return safe(text)


def _explain(error: Exception) -> str:
    """The machine's own refusals as they are; anything else is a defect of ours and goes to the log."""
    if isinstance(error, MemoryError):
        return _out_of_memory()
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return f"this is a defect of qtui ({type(error).__name__}). The details are in {_log()}"


def _out_of_memory() -> str:
    from qtui.engines.device.memory import address_space, memory
    from qtui.processes.header import gib

    space = address_space()
    limit = f"the address space of this process is limited to {gib(space.limit)} (`ulimit -v`)" if space else ""
    return f"out of memory: {limit or f'{gib(memory().free)} are free'}"


def _log_file() -> Path:
    from qtui import paths

    return paths.logs() / "errors.log"


def _log() -> Path:
    import time
    import traceback

    from qtui.files import private_files

    file = _log_file()
    entry = f"{time.strftime('%Y-%m-%d %H:%M:%S')} qtui {__version__} {sys.argv[1:]}\n{traceback.format_exc()}\n"
    with private_files.open_private_log(file) as errors:
        errors.write(redaction.redact_message(entry).encode(errors="backslashreplace"))
    return file
