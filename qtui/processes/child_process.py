"""How qtui starts Python processes of its own: the command and the environment of a child.

`python -m` and `python -c` search the current folder for modules first. It belongs to the user, and a `json.py` or
`typing_extensions.py` in it would replace the real module in every child of qtui. So each child is started with `-P`, which leaves
the current folder out, and with an environment that does the same for its own children. An empty or relative entry of PYTHONPATH
also means the current folder: children do not inherit such entries.

A child gets the keys that it needs and no others: whoever looks at a process (`/proc/PID/environ`, a crash report, a debugger), and
code that a model brings, finds no more than that. So the variables that hold secrets are left out unless the caller names them.

Only this module uses `sys.executable`; a test checks that.
"""

import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from qtui import paths
from qtui.secrets import redaction

_SEARCH_PATH = "PYTHONPATH"
_RELATIVE_TO_CURRENT_FOLDER = ("PYTHONUSERBASE", "PYTHONPYCACHEPREFIX")
"""Variables with folders of modules, which Python resolves relative to the current folder."""


Keys = Callable[[str], bool]
"""Whether a child gets the variable with this name, which holds a secret."""
_OF_HUB = re.compile(r"(HF|HUGGING_?FACE\w*)_\w+", re.IGNORECASE)
_PROXY = re.compile(r"(\w+_)?PROXY", re.IGNORECASE)


def no_keys(_name: str) -> bool:
    """For a child that asks nobody."""
    return False


def every_key(_name: str) -> bool:
    """For a child that does what this process was asked to do: a command, a build."""
    return True


def keys_of_hub(name: str) -> bool:
    """For a child that may download from the hub: its token, and the address of a proxy."""
    return _OF_HUB.fullmatch(name) is not None or is_proxy(name)


def is_proxy(name: str) -> bool:
    """Whether a variable has the address of a proxy, whose password every request over the network may need."""
    return _PROXY.fullmatch(name) is not None


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module as a program. Start it with `environment()`."""
    return [sys.executable, "-P", "-m", module, *arguments]


def code_command(code: str) -> list[str]:
    """The command that runs a text as a program. Start it with `environment()`."""
    return [sys.executable, "-P", "-c", code]


def environment(*, first: Sequence[Path] = (), keys: Keys = no_keys, **changes: str) -> dict[str, str]:
    """The environment of a child: this process's, with `changes`, and without access to modules of the current folder.

    `first` are absolute folders that the child searches for modules before all others. Of the variables that hold secrets it gets
    those that `keys` names.
    """
    left_out = {name for name in redaction.secret_variables() if not keys(name)}
    inherited_variables = {name: value for name, value in os.environ.items() if name not in left_out}
    variables = {**inherited_variables, **changes, "PYTHONSAFEPATH": "1"}
    for name in _RELATIVE_TO_CURRENT_FOLDER:
        if not Path(variables.get(name, "")).is_absolute():
            variables.pop(name, None)
    inherited = [entry for entry in variables.pop(_SEARCH_PATH, "").split(os.pathsep) if Path(entry).is_absolute()]
    folders = dict.fromkeys((*map(str, first), *inherited, *_package_folder()))
    if folders:
        variables[_SEARCH_PATH] = os.pathsep.join(folders)
    return variables


def make_spawning_safe() -> None:
    """Prepare this process for `multiprocessing`, which builds the commands of its children itself and passes on `sys.path`.

    Children get `os.environ` as it is when they start, so call this before the first one.
    """
    safe = environment(keys=every_key)
    for name in set(os.environ) - set(safe):
        del os.environ[name]
    os.environ.update(safe)
    sys.path[:] = [entry for i, entry in enumerate(sys.path) if not _is_current_folder(entry, is_first=i == 0)]


@contextmanager
def without_keys() -> Iterator[None]:
    """Take the secrets out of this process's environment while the block runs: `multiprocessing` hands it on as it is."""
    held_back = {name: os.environ.pop(name) for name in redaction.secret_variables()}
    try:
        yield
    finally:
        os.environ.update(held_back)


def _is_current_folder(entry: str, *, is_first: bool) -> bool:
    """Whether an entry of `sys.path` is the folder in which the process was started."""
    if not Path(entry).is_absolute():
        return True
    if not is_first or sys.flags.safe_path or entry == str(paths.PACKAGE.parent):
        return False
    try:
        return Path(entry) == Path.cwd()
    except FileNotFoundError:
        return False  # the current folder was deleted


def _package_folder() -> Iterator[str]:
    """The folder that contains qtui, if a child would not find it there: in a checkout that is not installed.

    Folders that `site` adds in every process (site-packages, editable installs) come after the standard library on `sys.path`.
    They are not yielded, because an entry of PYTHONPATH would come before the standard library.
    """
    folder = str(paths.PACKAGE.parent.absolute())
    standard_library = sysconfig.get_path("stdlib")
    behind = sys.path[sys.path.index(standard_library) :] if standard_library in sys.path else []
    if folder not in behind:
        yield folder
