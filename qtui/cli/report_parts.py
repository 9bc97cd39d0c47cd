"""The parts of a bug report: what is known of this machine, the configuration, the store and the logs, without what is private.

A report goes to strangers. So it is made of what may be in it, and not of everything with something taken out: versions, numbers,
states, and sentences reduced to the words that qtui itself uses (`qtui.secrets.vocabulary`).
"""

import getpass
import importlib.metadata
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qtui import __version__, config, paths
from qtui.cli.doctor import findings
from qtui.errors import UserError
from qtui.processes import header
from qtui.run_progress import RunSummary
from qtui.secrets import redaction, vocabulary
from qtui.store import open_store, runs
from qtui.store.inventory import inventory, private_texts

README = """What a report on a fault of qtui needs, without answers, tasks, prompts, keys, names and paths.

Words that are not in qtui's own source are replaced by ‹…›, and so is what quotes a text of the store.
versions.json: of qtui, Python and packages. doctor.json: what this machine can do. config.json: settings that are not the defaults.
store.json: version, tables and numbers of rows. runs.json: the states of runs. logs: their starts and ends.
"""
_START, _END = 64 << 10, 512 << 10
"""Bytes of a log that are in a report."""
_OUTER_TRACE = re.compile(
    r'(\s*File ").*?(?:site-packages|dist-packages|lib/python[\d.]+)/([^"]+)(", line \d+, in )(\w+)'
)
_OWN_TRACE = re.compile(r'(\s*File ").*?/(qtui/[^"]+)(", line \d+, in )(\w+)')
_AS_THEY_ARE = (
    "qtui",
    "python",
    "system",
    "versions",
    "accelerator",
    "gpus",
    "cpus",
    "memory",
    "file_system",
    "report",
)
"""Keys of doctor's report whose values are of this machine, and not of its user."""


def parts(store_path: Path) -> dict[str, str]:
    """Return the files of a report by name. A part that cannot be made says why."""
    made: dict[str, Callable[[], Any]] = {
        "versions.json": _versions,
        "doctor.json": lambda: _reduced(findings(store_path.absolute()), as_they_are=_AS_THEY_ARE),
        "config.json": lambda: _reduced(asdict(config.load())),
    }
    files = {"README.txt": README, **{name: _json(make) for name, make in made.items()}}
    logs = dict(_logs())
    try:
        with closing(open_store(store_path, create=False, must_write=False)) as store:
            files["store.json"] = _json(lambda: asdict(inventory(store)))
            summaries = runs.summaries(store)
            texts = [*logs.values(), *(_words(reason) for run in summaries for reason in _reasons(run))]
            shown = dict(zip(texts, vocabulary.hide_quotations(texts, private_texts(store)), strict=True))
            files["runs.json"] = _json(lambda: [_run(run, shown) for run in summaries])
            logs = {name: shown[text] for name, text in logs.items()}
    except UserError as error:
        files["store.json"] = json.dumps({"error": _words(str(error))}, indent=1)
        logs = dict.fromkeys(logs, "left out: the store could not be read, so nobody can tell what quotes it\n")
    return {**files, **logs}


def _json(make: Callable[[], Any]) -> str:
    try:
        value = make()
    except (UserError, OSError) as error:
        value = {"error": _words(str(error))}
    return json.dumps(value, indent=1, ensure_ascii=False)


def _versions() -> dict[str, Any]:
    names = dict.fromkeys((*_requirements(), *header.PACKAGES))
    found = {}
    for name in names:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return {"qtui": __version__, "machine": [_words(line) for line in header.machine()], "packages": found}


def _requirements() -> Iterator[str]:
    with suppress(importlib.metadata.PackageNotFoundError):
        for requirement in importlib.metadata.requires("qtui") or ():
            if name := re.match(r"[\w.-]+", requirement):
                yield name[0]


def _reasons(run: RunSummary) -> Iterator[str]:
    yield run.reason
    yield from (variant.reason for variant in run.variants)
    yield from (judge.reason for judge in run.judges)


def _run(run: RunSummary, shown: Mapping[str, str]) -> dict[str, Any]:
    """The state of a run. `shown` is what is shown of its reasons."""
    return {
        "run": run.id,
        "source": run.source,
        "state": run.state,
        "reason": shown[_words(run.reason)],
        "tasks": run.tasks,
        "answered": run.answered,
        "expected": run.expected,
        "created": run.created,
        "started": run.started,
        "ended": run.ended,
        "variants": [
            {
                "variant": each.id,
                "engine": each.engine,
                "role": each.role,
                "state": each.state,
                "answered": each.answered,
                "expected": each.expected,
                "reason": shown[_words(each.reason)],
            }
            for each in run.variants
        ],
        "judges": [
            {"judge": each.id, "state": each.state, "graded": each.graded, "reason": shown[_words(each.reason)]}
            for each in run.judges
        ],
    }


def _logs() -> Iterator[tuple[str, str]]:
    folder = paths.logs()
    for file in sorted(folder.glob("*.log*")) if folder.is_dir() else ():
        if file.is_file() and not file.is_symlink():
            with suppress(OSError):
                yield f"logs/{_words(file.name)}", "".join(f"{_log_line(line)}\n" for line in _ends_of(file))


def _ends_of(file: Path) -> list[str]:
    with file.open("rb") as log:
        start = log.read(_START)
        left_out = file.stat().st_size - _START - _END
        if left_out > 0:
            log.seek(left_out, os.SEEK_CUR)
        notice = b"\n# %d bytes are left out here\n" % left_out if left_out > 0 else b""
        return (start + notice + log.read(_END)).decode(errors="replace").splitlines()


def _log_line(line: str) -> str:
    for trace in (_OUTER_TRACE, _OWN_TRACE):
        if found := trace.match(line):
            return f"{found[1]}…/{found[2]}{found[3]}{found[4]}"
    return _words(line)


def _reduced(value: Any, as_they_are: Iterable[str] = ()) -> Any:
    if isinstance(value, dict):
        kept = tuple(as_they_are)
        return {_words(str(key)): _named(each) if key in kept else _reduced(each, kept) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_reduced(each, as_they_are) for each in value]
    return _words(str(value)) if isinstance(value, str | Path) else value


def _named(value: Any) -> Any:
    """A value of this machine without the names of its user."""
    text = json.dumps(value, ensure_ascii=False)
    for name in sorted(_names(), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", vocabulary.HIDDEN, text)
    return json.loads(redaction.redact_message(text))


def _words(text: str) -> str:
    return vocabulary.reduce(redaction.redact_message(text), _names())


def _names() -> set[str]:
    """What this user, the home folder and this machine are called."""
    names = {Path.home().name, socket.gethostname(), socket.gethostname().partition(".")[0]}
    names |= {os.environ.get(variable, "") for variable in ("USER", "LOGNAME", "USERNAME")}
    with suppress(OSError, KeyError):
        names.add(getpass.getuser())
    return {name for name in names if len(name) > 1}
