"""The command line: the table of commands, and how errors become messages and exit codes.

Commands are named here and imported when they are called, so that `qtui --help` and the workbench load only what they need. Data
goes to stdout, messages go to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a gate not met, 130 interrupted.
"""

import contextlib
import importlib
import io
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn

import click

from qtui import __version__
from qtui.cli.options import log_level_option, store_option
from qtui.errors import UserError, words_of
from qtui.processes import log, streams
from qtui.secrets import redaction

FAILED, INTERRUPTED = 1, 130


class Entry(NamedTuple):
    target: str
    """`module:attribute` of the click command."""
    help: str
    """The line in `qtui --help`. It is written here because the help imports no command."""


COMMANDS = {
    "demo": Entry("qtui.cli.demo:demo", "Run the demo, live in the workbench or as a table."),
    "run": Entry("qtui.cli.run:run", "Run an experiment, or resume its run."),
    "resume": Entry("qtui.cli.run:resume", "Resume a run that was cancelled or interrupted, or that failed in part."),
    "pause": Entry("qtui.cli.run:pause", "Pause a run, or continue a paused one."),
    "cancel": Entry("qtui.cli.run:cancel", "Cancel a run; its answers and grades are kept."),
    "judge": Entry("qtui.cli.judge:judge", "Grade stored answers by another judge, or remove a judge."),
    "score": Entry("qtui.cli.score:score", "Score stored answers without a judge: numbers, choices, formats, code."),
    "scores": Entry("qtui.cli.scores:scores", "Show the mean grades of baseline and candidate, and the verdict."),
    "lengths": Entry("qtui.cli.lengths:lengths", "Show lengths and shapes of the answers of baseline and candidate."),
    "divergence": Entry(
        "qtui.cli.divergence:divergence", "Compare the next-token distributions of baseline and candidate."
    ),
    "agreement": Entry("qtui.cli.agreement:agreement", "Show how far judges, their takes and people agree."),
    "compare": Entry("qtui.cli.compare:compare", "Show the answers to one task side by side."),
    "check": Entry("qtui.cli.scores:check", "Exit with 3 unless every candidate passes the margin."),
    "import": Entry("qtui.cli.importing:import_", "Import answers and grades from another program."),
    "export": Entry(
        "qtui.cli.export:export", "Write answers, grades, scores, lengths or divergence for other programs."
    ),
    "runs": Entry("qtui.cli.runs:runs", "List the runs in the store and their states."),
    "backup": Entry("qtui.cli.stores:backup", "Copy the store while it is in use."),
    "verify": Entry("qtui.cli.stores:verify", "Check that a store is whole."),
    "repair": Entry("qtui.cli.stores:repair", "Save what is whole in a damaged store into a new one."),
    "merge": Entry("qtui.cli.stores:merge", "Add the runs, answers and grades of other stores to one."),
    "logs": Entry("qtui.cli.logs:logs", "Show the log of a run, also while it goes."),
    "quantize": Entry("qtui.cli.quantize:quantize", "Quantize a model: GGUF files of other types."),
    "bench": Entry("qtui.cli.bench:bench", "Measure size, memory and speed of a model's types on this machine."),
    "engines": Entry("qtui.cli.engines:engines", "Build llama.cpp for this machine's processor and GPU."),
    "models": Entry("qtui.cli.runs:models", "List the models that qtui knows by name."),
    "tasks": Entry("qtui.cli.tasks:tasks", "List the task sets that qtui knows by name, or show the prompts of one."),
    "doctor": Entry("qtui.cli.doctor:doctor", "Show what this machine can do: engines, GPUs, memory, store."),
    "bugreport": Entry("qtui.cli.bugreport:bugreport", "Write an archive for a bug report, without answers or keys."),
    "locate": Entry("qtui.cli.locate:locate", "Show where qtui keeps its files."),
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
        """The command that `args` name. An unknown name fails with the most similar command as a suggestion."""
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
@log_level_option
@store_option
@click.version_option(__version__, "--version", "-V", message="qtui %(version)s")
@click.pass_context
def cli(context: click.Context, store: Path) -> None:
    """What does a language model lose when it is quantized? Run it, grade it, look at it.

    Without a command, qtui opens the workbench.
    """
    if context.invoked_subcommand is None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UserError("the workbench needs a terminal. `qtui --help` lists the commands, which need none.")
        from qtui.ui.app import run

        run(store)


def main() -> NoReturn:
    """Run the command line and exit. A traceback goes to the log file, never to the screen."""
    streams.open_missing()
    streams.watch_stdout()
    streams.lose_unwritable("stderr")
    with redaction.guarded_streams(stdout=False):
        log.begin_command(_log_file(), redaction.redact_message(f"qtui {' '.join(sys.argv[1:])}".strip()))
        status = _exit_code()
        log.end_command()
    sys.exit(status)


def _exit_code() -> int:
    try:
        result = cli.main(prog_name="qtui", standalone_mode=False)
        if problem := streams.stdout_problem():
            return _report_stdout(problem)
    except UserError as error:
        _print_error(str(error))
        return FAILED
    except click.ClickException as error:
        _show_usage(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe (head, less) has closed it: the interpreter must not flush into it at exit.
        streams.stdout_problem()
        return FAILED
    except Exception as error:
        if isinstance(error, OSError) and (problem := streams.stdout_problem()):
            return _report_stdout(problem)
        _print_error(_explain(error))
        return FAILED
    return result if isinstance(result, int) else 0


def _report_stdout(problem: OSError) -> int:
    """Say why stdout cannot be written, unless a reader has only had enough. Returns the exit status."""
    if not isinstance(problem, BrokenPipeError):
        _print_error(f"stdout cannot be written ({problem.strerror}): what the command printed is not whole")
    return FAILED


def _show_usage(error: click.ClickException) -> None:
    """Print what click says of a wrong usage: it quotes arguments as they are, and a shell's `*` puts names of files there."""
    words = io.StringIO()
    error.show(words)
    with contextlib.suppress(OSError):
        click.echo(_harmless(words.getvalue()), err=True, nl=False)


def _print_error(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody can be told where stderr cannot be written
        click.echo(f"error: {_harmless(text)}", err=True)


def _harmless(text: str) -> str:
    """The message without control characters: names from a store, a file or an endpoint may be part of it."""
    from qtui.text import safe  # imported only where there is a message

    return safe(text)


def _explain(error: Exception) -> str:
    """The message for an unexpected error: of the operating system, of a damaged store; any other is a defect and is logged."""
    if isinstance(error, MemoryError):
        return _out_of_memory()
    if damaged := _damage(error):
        return damaged
    if isinstance(error, OSError):
        from qtui.files import disk_errors

        return disk_errors.describe(error) if disk_errors.is_of_disk(error) else str(error)
    return f"this is a defect of qtui ({type(error).__name__}). {_log_traceback(error)}"


def _damage(error: Exception) -> str:
    """The damage of a store that the command read, if that is the cause; empty if it is not."""
    from qtui.store import damage

    return str(damage.cause_of(error) or "")


def _out_of_memory() -> str:
    from qtui.device.memory import address_space, memory
    from qtui.format import memory_size

    space = address_space()
    limit = f"the address space of this process is limited to {memory_size(space.limit)} (`ulimit -v`)" if space else ""
    return f"out of memory: {limit or f'{memory_size(memory().free)} are free'}"


def _log_file() -> Path:
    from qtui import paths

    return paths.logs() / "errors.log"


def _log_traceback(error: Exception) -> str:
    """Append the exception with its traceback to the log file. Returns a sentence that says where the details are."""
    import time
    import traceback

    from qtui.files import private_files

    file = _log_file()
    entry = f"{time.strftime('%Y-%m-%d %H:%M:%S')} qtui {__version__} {sys.argv[1:]}\n{traceback.format_exc()}\n"
    try:
        with private_files.open_private_log(file) as errors:
            errors.write(redaction.redact_message(entry).encode(errors="backslashreplace"))
    except OSError as problem:
        raised = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(raised.filename).name}:{raised.lineno}"
        words = redaction.redact_message(words_of(error))
        return f"{words} ({where}). The details could not be written to {file}: {problem.strerror or problem}"
    return f"The details are in {file}"
