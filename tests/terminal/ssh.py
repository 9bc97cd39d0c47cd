"""A real sshd on loopback for one test, and connections to it as this user: no password, no PAM, nothing of the machine's own.

What it runs has the environment that sshd gives a session, which is next to nothing; a locale in particular is not sent.
"""

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.terminal.tmux import PATIENCE_SECONDS, Terminal

ROOT = Path(__file__).parents[2]
SEPARATION_FOLDER = Path("/run/sshd")
"""A root's sshd wants it, empty; where sshd is installed but was never started as a service, nobody has made it."""
LOCALE = ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES")
FOLDERS = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")


class Sshd:
    """Skips where sshd is not installed or lets nobody in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = _program()
        self._port = _free_port()
        for key in ("host_key", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
        shutil.copy(folder / "key.pub", folder / "authorized_keys")
        self._process = self._started()
        try:
            self._wait_until_it_lets_in()
        except BaseException:
            self.stop()
            raise

    def qtui(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """`ssh HOST qtui …`, without a terminal, until ssh ends."""
        command = [*self._ssh("-T"), _remote(arguments, environment)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL
        )

    def terminal(self, *arguments: str, **environment: str) -> Terminal:
        """`ssh -tt HOST qtui …` on a terminal; its process is the SSH client."""
        no_locale = [option for name in LOCALE for option in ("-u", name)]
        client = ["exec", "env", *no_locale, "TERM=xterm", *self._ssh("-tt"), _remote(arguments, environment)]
        return Terminal(shlex.join(client))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)

    def _started(self) -> "subprocess.Popen[bytes]":
        if os.geteuid() == 0:
            SEPARATION_FOLDER.mkdir(mode=0o755, exist_ok=True)
        settings = {
            "Port": self._port,
            "ListenAddress": "127.0.0.1",
            "HostKey": self._folder / "host_key",
            "AuthorizedKeysFile": self._folder / "authorized_keys",
            "PidFile": "none",
            "UsePAM": "no",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
        }
        configuration = self._folder / "sshd_config"
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        with (self._folder / "sshd.log").open("wb") as log:
            return subprocess.Popen([self._program, "-D", "-e", "-f", str(configuration)], stderr=log)

    def _wait_until_it_lets_in(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                pytest.skip(f"sshd cannot be started here: {self._log()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    break
            time.sleep(0.05)
        tried = subprocess.run([*self._ssh("-T"), "true"], capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            pytest.skip(f"sshd does not let this user in: {tried.stderr.strip()} {self._log()}")

    def _log(self) -> str:
        return " / ".join((self._folder / "sshd.log").read_text(errors="replace").split("\n")[-4:]).strip()

    def _ssh(self, terminal: str) -> list[str]:
        options = {
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": os.devnull,
            "LogLevel": "ERROR",
        }
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        user = pwd.getpwuid(os.geteuid()).pw_name
        key = str(self._folder / "key")
        return ["ssh", "-F", os.devnull, "-i", key, "-p", str(self._port), *given, terminal, f"{user}@127.0.0.1"]


def _program() -> str:
    """By its whole path, which sshd insists on."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None or shutil.which("ssh") is None:
        pytest.skip("sshd or ssh is not installed")
    return str(Path(found).absolute())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _remote(arguments: tuple[str, ...], environment: dict[str, str]) -> str:
    """The line for the user's shell: qtui of these tests in the folders of the test, without what a login may set."""
    no_locale = [option for name in LOCALE for option in ("-u", name)]
    given = [f"{name}={value}" for name, value in ({name: os.environ[name] for name in FOLDERS} | environment).items()]
    command = ["env", *no_locale, *given, sys.executable, "-m", "qtui", *arguments]
    return f"cd {shlex.quote(str(ROOT))} && exec {shlex.join(command)}"
