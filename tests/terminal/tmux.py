"""A real terminal: a tmux server of its own per test, driven with keys and read as text."""

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable

import pytest

PATIENCE_SECONDS = 60.0


class Terminal:
    def __init__(self, command: str, *, columns: int = 120, rows: int = 40, **environment: str) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("tmux is not installed")
        self._socket = f"qtui-test-{uuid.uuid4().hex[:12]}"
        shell_environment = os.environ | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | environment
        shell_environment.pop("TMUX", None)
        size = ("-x", str(columns), "-y", str(rows))
        # The pane stays when the command ends, so that what it printed last can be read.
        self._tmux("new-session", "-d", *size, command, ";", "set", "-g", "remain-on-exit", "on", env=shell_environment)

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def text(self) -> str:
        return self._tmux("capture-pane", "-p")

    def wait_for(self, wanted: str | Callable[[str], object]) -> str:
        """The screen once it shows a text (or fulfils a condition)."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            shown = self.text()
            if wanted(shown) if callable(wanted) else wanted in shown:
                return shown
            time.sleep(0.05)
        raise AssertionError(f"not within {PATIENCE_SECONDS} s: {wanted!r}\n{self.text()}")

    def ended(self) -> bool:
        return self._tmux("display-message", "-p", "#{pane_dead}").strip() == "1"

    def pid(self) -> int:
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def close(self) -> None:
        """As a lost connection does: the terminal is gone, whatever ran in it."""
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False)

    def _tmux(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        command = ["tmux", "-L", self._socket, "-f", os.devnull, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        return done.stdout
