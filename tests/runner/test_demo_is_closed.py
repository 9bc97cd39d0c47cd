"""The demo from outside: what it writes is for its user alone, its children hold no key, nothing listens, and nobody is asked.

One real run of the demo in a network namespace without a network, with no umask and with canaries for keys in the environment.
While it goes, its processes are looked at in /proc; each tells of every address that it would connect or bind to.
"""

import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from qtui.store import open_store, runs

pytest.importorskip("llama_cpp", reason="needs the engines extra")
pytest.importorskip("transformers", reason="needs the engines extra")

KEYS = {
    "OPENAI_API_KEY": "sk-canary-0123456789abcdef",
    "OTHER_API_KEY": "canary-of-another-service-1",
    "HF_TOKEN": "hf_canarycanarycanary123",
    "GITHUB_TOKEN": "ghp_canarycanarycanary12",
    "DB_PASSWORD": "canary",
    "HTTPS_PROXY": "http://me:canary-password@127.0.0.1:9",
    "OPENAI_BASE_URL": "http://me:canary-password@127.0.0.1:9/v1?key=canary-in-query",
    "OPENAI_CUSTOM_HEADERS": "X-Key: canary-in-a-header",
}
CANARY = b"canary"
pytestmark = pytest.mark.timeout(900)  # a whole demo, on a machine that may be busy
TELLS_OF_SOCKETS = """
import os, sys

def hear(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        address = arguments[1] if event in ("socket.connect", "socket.bind", "socket.sendto") else arguments[0]
        if not isinstance(address, (str, bytes)) or event.startswith("socket.get"):  # a path is a socket of this machine
            with open(os.environ["SOCKETS"], "a") as file:
                file.write(f"{event} {address!r} {sys.argv}\\n")

sys.addaudithook(hear)
"""


@dataclass
class Seen:
    """What was seen of a run of the demo from outside."""

    folder: Path
    status: int = -1
    written: str = ""
    has_namespace: bool = False
    children: set[str] = field(default_factory=set)
    """The commands of all processes below the command."""
    with_canary: list[str] = field(default_factory=list)
    """Processes whose command line or environment has a canary."""
    listening: list[str] = field(default_factory=list)

    @property
    def sockets(self) -> str:
        file = self.folder / "sockets"
        return file.read_text() if file.exists() else ""


def namespace() -> list[str]:
    """The command that runs another without a network; empty where this machine allows none."""
    if shutil.which("unshare") is None:
        return []
    tried = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    return [] if tried.returncode else ["unshare", "-rn"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("demo")
    (folder / "hooks").mkdir()
    (folder / "hooks" / "sitecustomize.py").write_text(TELLS_OF_SOCKETS)
    places = {f"XDG_{name}_HOME": str(folder / "home" / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "STATE")}
    path = os.pathsep.join((str(folder / "hooks"), *filter(None, [os.environ.get("PYTHONPATH", "")])))
    environment = {**os.environ, **places, **KEYS, "PYTHONPATH": path, "SOCKETS": str(folder / "sockets")}
    environment.pop("QTUI_STORE", None)
    found = Seen(folder, has_namespace=bool(namespace()))
    command = [*namespace(), sys.executable, "-m", "qtui", "--log-level", "debug", "demo", "--headless"]
    old = os.umask(0)
    try:
        child = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )
    finally:
        os.umask(old)
    over = threading.Event()
    watching = threading.Thread(target=watch, args=(psutil.Process(child.pid), found, over))
    watching.start()
    try:
        found.written = child.communicate()[0]
    finally:
        over.set()
        watching.join()
        child.kill()
    found.status = child.returncode
    yield found


def watch(command: psutil.Process, seen: Seen, over: threading.Event) -> None:
    """Look at all processes below the command until it has ended. The command itself has the environment of its user."""
    looked_at: set[tuple[int, float]] = set()
    rounds = 0
    while not over.wait(0.1):
        rounds += 1
        for process in descendants(command):
            try:
                identity = (process.pid, process.create_time())
                name = " ".join(process.cmdline())
                if identity not in looked_at and "qtui" in name and "-m qtui --log-level" not in name:
                    looked_at.add(identity)
                    seen.children.add(name)
                    data = b"".join(Path(f"/proc/{process.pid}/{file}").read_bytes() for file in ("cmdline", "environ"))
                    seen.with_canary += [name] if CANARY in data else []
                connections = process.net_connections("inet") if rounds % 10 == 1 else ()
                seen.listening += [f"{name}: {each.laddr}" for each in connections if each.status == psutil.CONN_LISTEN]
            except (psutil.Error, OSError):
                continue  # it has ended


def descendants(command: psutil.Process) -> list[psutil.Process]:
    """The processes below the command, and the runner, which is in a session of its own."""
    try:
        return [command, *command.children(recursive=True)]
    except psutil.Error:
        return []


def test_the_demo_works_without_a_network(seen: Seen) -> None:
    assert seen.status == 0, seen.written
    store = open_store(seen.folder / "home" / "data" / "qtui" / "store.sqlite")
    [run] = runs.summaries(store)
    store.close()
    assert (run.state, run.answered) == ("done", run.expected)
    if not seen.has_namespace:
        pytest.skip("this machine allows no network namespace without root (unshare -rn): the demo ran with a network")


def test_the_demo_asks_nobody(seen: Seen) -> None:
    assert seen.sockets == ""


def test_the_hook_that_tells_of_sockets_tells_of_them(seen: Seen, tmp_path: Path) -> None:
    program = "import socket; s = socket.socket(); s.settimeout(0.1); s.connect_ex(('127.0.0.1', 9))"
    environment = {**os.environ, "PYTHONPATH": str(seen.folder / "hooks"), "SOCKETS": str(tmp_path / "sockets")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert "socket.connect ('127.0.0.1', 9)" in (tmp_path / "sockets").read_text()


def test_nothing_of_the_demo_listens(seen: Seen) -> None:
    assert seen.listening == []


def test_no_child_of_the_demo_holds_a_key(seen: Seen) -> None:
    """None of them asks an endpoint or the hub."""
    words = ("qtui.runner", "qtui.engines.processes.worker", "qtui.scorers.process")
    assert any(words[0] in name for name in seen.children), seen.children
    assert any(words[1] in name for name in seen.children), seen.children
    assert seen.with_canary == []


def test_no_file_of_the_demo_has_a_key(seen: Seen) -> None:
    files = [path for path in (seen.folder / "home").rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [str(path) for path in files if CANARY in path.read_bytes()] == []
    assert "canary" not in seen.written


def test_all_that_the_demo_writes_is_for_its_user_alone_without_a_umask(seen: Seen) -> None:
    home = seen.folder / "home"
    found = {
        str(path.relative_to(home)): stat.S_IMODE(path.lstat().st_mode)
        for path in home.rglob("*")
        if not path.is_symlink()
    }
    folders = {name for name in found if (home / name).is_dir()}
    of_qtui = {name: mode for name, mode in found.items() if "/qtui" in f"/{name}"}
    assert {name: oct(mode) for name, mode in of_qtui.items() if mode != (0o700 if name in folders else 0o600)} == {}
    assert {name for name in found if name not in of_qtui} <= {"data", "config", "cache", "state"}
