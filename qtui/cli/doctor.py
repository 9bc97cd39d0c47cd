"""`qtui doctor`: what this machine can do, read without loading an engine.

Exit code 1: qtui cannot work here, because the store cannot be used or files of qtui are missing. An engine that is not installed
is no problem: a base install is enough to read stores.
"""

import os
import platform
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qtui import __version__, paths, session_end
from qtui.cli.options import json_option, store_option
from qtui.cli.page import Page, print_json
from qtui.format import count, gibibytes
from qtui.store import open_store, runs
from qtui.store.connection import NETWORK_FILE_SYSTEMS, file_system
from qtui.store.errors import StoreError
from qtui.text import safe

KEYS = ("OPENAI_API_KEY", "HF_TOKEN")
LABEL_CELLS = 14


@click.command()
@click.option(
    "--self-test", is_flag=True, help="Test llama.cpp's matrix products of all usual types on every device (seconds)."
)
@json_option
@store_option
def doctor(*, self_test: bool, as_json: bool, store: Path) -> int:
    """Show what this machine can do: engines, GPUs, memory, terminal, session, keys, store. Exit 1 if qtui cannot work here."""
    report = findings(store, runs_self_test=self_test)
    if as_json:
        print_json(report)
    else:
        _print(report)
    return 1 if report["problems"] else 0


def findings(store: Path, *, runs_self_test: bool = False) -> dict[str, Any]:
    """Return what this machine can do, as `qtui doctor --json` prints it."""
    problems: list[str] = []
    return {
        "qtui": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "engines": _engines(),
        "gpus": _gpus(),
        "self_test": _self_test(runs_self_test),
        "cpus": _cpus(),
        "memory": _memory(),
        "terminal": _terminal(),
        "session": _session(),
        "keys": {name: bool(os.environ.get(name)) for name in KEYS},
        "store": _store(store.absolute(), problems),
        "files": _files(problems),
        "problems": problems,
    }


def _engines() -> list[dict[str, Any]]:
    from qtui.engines import available

    return [
        {
            "engine": state.engine,
            "installed": state.is_installed,
            "versions": dict(state.versions),
            "accelerator": state.accelerator,
            "idle_gpu": state.idle_gpu,
            "remedy": state.remedy,
        }
        for state in available.engines()
    ]


def _gpus() -> list[dict[str, Any]]:
    from qtui.device import gpus

    return [asdict(gpu) for gpu in gpus.gpus()]


def _self_test(runs_now: bool) -> dict[str, Any]:
    """Stored results of llama.cpp's self test on this machine; with `runs_now` it runs first, for the usual types."""
    from qtui.engines import available, compute
    from qtui.engines.self_test import testing

    if "llama-cpp-python" not in available.versions(available.PACKAGES["llama.cpp"]):
        return {}
    identity = compute.ggml_identity()
    untested = ""
    if runs_now:
        testing.forget(identity)
        untested = testing.test(
            "ggml", identity, compute.USUAL_TYPES, experts=True, report=lambda words: click.echo(words, err=True)
        ).untested
    tested = testing.stored_outcomes(identity)
    faults = [fault for fault in tested.outcomes.values() if fault.is_fault]
    return {
        "tested": len(tested.outcomes),
        "broken": tested.broken,
        "untested": untested,
        "faults": [f"{fault.case.device} {fault.case.buffer}: {compute.describe_fault(fault)}" for fault in faults],
        "report": tested.report,
        "remedy": compute.REBUILD if faults or tested.broken else "",
    }


def _cpus() -> dict[str, int]:
    """The number of CPUs, and of those that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"count": os.cpu_count() or 1, "usable": usable}


def _memory() -> dict[str, int | None]:
    from qtui.device.memory import memory

    state = memory()
    return {"total_bytes": state.total, "available_bytes": state.available, "limit_bytes": state.limit}


def _terminal() -> dict[str, Any]:
    """Properties of the terminal on stdout, else of that on stderr, so that `qtui doctor | less` shows them too."""
    from rich.console import Console

    stream = next((stream for stream in (sys.stdout, sys.stderr) if stream.isatty()), None)
    if stream is None:
        return {"is_terminal": False, "term": os.environ.get("TERM", "")}
    console = Console(file=stream)
    colours = {"standard": 16, "256": 256, "truecolor": 2**24, "windows": 16}.get(console.color_system or "", 0)
    return {
        "is_terminal": True,
        "term": os.environ.get("TERM", ""),
        "width": console.width,
        "height": console.height,
        "colours": 0 if console.no_color else colours,
        "utf8": (stream.encoding or "").lower().replace("-", "") == "utf8",
        "no_color": "NO_COLOR" in os.environ,
        "multiplexer": "tmux" if "TMUX" in os.environ else "screen" if "STY" in os.environ else "",
        "ssh": "SSH_CONNECTION" in os.environ,
    }


def _session() -> list[dict[str, Any]]:
    """Notices of what may end a run that is started here: the end of a cluster's job, a logout."""
    return [_notice_json(notice) for notice in session_end.find_notices(os.environ, session_end.ROOT)]


def _notice_json(notice: session_end.Notice) -> dict[str, Any]:
    """The notice under the keys of the JSON output, where `when` is called `ends`."""
    fields = asdict(notice)
    return {"ends": fields.pop("when"), **fields}


def _store(path: Path, problems: list[str]) -> dict[str, Any]:
    kind = file_system(path if path.exists() else _nearest(path))
    state: dict[str, Any] = {"path": str(path), "exists": path.exists(), "file_system": kind, "journal_mode": None}
    if not path.exists():
        if not os.access(_nearest(path), os.W_OK):
            problems.append(
                f"{path}: cannot be created: {_nearest(path)} is not writable. Name another with --store FILE."
            )
        state["journal_mode"] = "delete" if kind in NETWORK_FILE_SYSTEMS else "wal"
        return state
    try:
        with closing(open_store(path, create=False, must_write=False)) as store:
            state["journal_mode"] = store.journal_mode()
            state["runs"] = runs.count(store)
            state["bytes"] = path.stat().st_size
            state["mode"] = f"{path.stat().st_mode & 0o777:o}"
    except StoreError as error:
        problems.append(str(error))
    if not os.access(path, os.W_OK):
        problems.append(f"{path}: cannot be written. Check its permissions, or name another with --store FILE.")
    return state


def _nearest(path: Path) -> Path:
    """The nearest folder above `path` that exists."""
    return next(folder for folder in path.parents if folder.is_dir())


def _files(problems: list[str]) -> dict[str, str]:
    missing = [folder for folder in (paths.data(), paths.themes()) if not folder.is_dir()]
    problems += [f"{folder}: is missing, but is part of qtui. Install qtui again." for folder in missing]
    return {"data": str(paths.data()), "config": str(paths.config_file()), "cache": str(paths.cache())}


def _print(report: dict[str, Any]) -> None:
    page = Page()
    cpus, memory, store = report["cpus"], report["memory"], report["store"]
    _print_labelled(page, "qtui", f"{report['qtui']}, Python {report['python']}, {report['system']}")
    for engine in report["engines"]:
        versions = ", ".join(f"{name} {version}" for name, version in engine["versions"].items())
        _print_labelled(
            page,
            engine["engine"],
            f"{versions} ({engine['accelerator']})" if engine["installed"] else f"not installed: {engine['remedy']}",
        )
        if engine["idle_gpu"]:
            _print_labelled(page, "", engine["idle_gpu"])
    if report["self_test"]:
        _print_labelled(page, "self test", _self_test_words(report["self_test"]))
    from qtui.device.gpus import Gpu
    from qtui.processes.header import gpu_in_words

    _print_labelled(page, "GPU", "; ".join(gpu_in_words(Gpu(**gpu)) for gpu in report["gpus"]) or "none")
    _print_labelled(
        page, "CPUs", f"{cpus['count']}" + (f", {cpus['usable']} usable" if cpus["usable"] != cpus["count"] else "")
    )
    limit = f", limited to {gibibytes(memory['limit_bytes'])}" if memory["limit_bytes"] else ""
    _print_labelled(
        page, "memory", f"{gibibytes(memory['total_bytes'])}, {gibibytes(memory['available_bytes'])} free{limit}"
    )
    _print_labelled(page, "terminal", _terminal_words(report["terminal"]))
    _print_labelled(
        page,
        "session",
        "\n".join(notice["text"] for notice in report["session"]) or "runs continue after this terminal is closed",
    )
    for name, is_set in report["keys"].items():
        _print_labelled(page, name, "set" if is_set else "not set")
    stored_runs = (
        f", {count(store['runs'], 'run')}" if "runs" in store else "" if store["exists"] else ", not created yet"
    )
    kind = store["file_system"] or "an unknown file system"
    _print_labelled(
        page, "store", f"{store['path']}{stored_runs}; journal {store['journal_mode'] or 'unknown'} on {kind}"
    )
    for problem in report["problems"]:
        page.line(f"problem: {safe(problem)}", style="bold red")


def _self_test_words(result: dict[str, Any]) -> str:
    if result["broken"]:
        return f"llama.cpp cannot be loaded: {result['broken']}; {result['remedy']}"
    if result["untested"]:
        return f"llama.cpp could not be tested: {result['untested']}"
    if result["faults"]:
        return "\n".join([*result["faults"], result["remedy"]])
    if not result["tested"]:
        return "llama.cpp has not been tested on this machine yet (`qtui doctor --self-test` or a run tests it)"
    return f"llama.cpp computed {result['tested']} kinds of matrix product correctly on this machine"


def _terminal_words(terminal: dict[str, Any]) -> str:
    if not terminal["is_terminal"]:
        return "none (output goes to a file or a pipe)"
    colours = {0: "no colours", 2**24: "16 million colours"}.get(terminal["colours"], f"{terminal['colours']} colours")
    extra = [word for word in (terminal["multiplexer"], "SSH" if terminal["ssh"] else "") if word]
    if not terminal["utf8"]:
        extra.append("not UTF-8: Japanese is not readable; set LANG to a UTF-8 locale")
    size = f"{terminal['width']}×{terminal['height']}"
    return ", ".join([f"{terminal['term'] or 'TERM is not set'}", size, colours, *extra])


def _print_labelled(page: Page, label: str, text: str) -> None:
    page.line(safe(text), label=f"{safe(label):<{LABEL_CELLS}}  ")
