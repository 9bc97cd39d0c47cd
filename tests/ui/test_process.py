"""The workbench as a process of its own on a real pseudo-terminal: what it imports, and how it ends."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from qtui import paths
from qtui.store import Store
from tests.ui.panes.runs.test_runs_pane import begin

HEAVY = (
    "torch",
    "transformers",
    "llama_cpp",
    "openai",
    "pandas",
    "numpy",
    "scipy",
    "pyarrow",
    "pydantic",
    "plotext",
    "sacrebleu",
)
FIRST_FRAME = f"""
import json, sys
from pathlib import Path
from qtui.ui.app import QtuiApp

class Looked(QtuiApp):
    def on_ready(self):
        super().on_ready()
        self.call_after_refresh(self.look)

    def look(self):
        print(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr)
        self.exit()

Looked(Path(sys.argv[1])).run()
"""
SECONDS = 30.0


class Terminal:
    """A program on a pseudo-terminal in a session of its own."""

    def __init__(self, *command: str) -> None:
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
            os.execvpe(command[0], command, environment | {"TERM": "xterm-256color"})

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + SECONDS
        while text.encode() not in self.seen:
            assert time.monotonic() < end, self.seen[-2000:].decode(errors="replace")
            if select.select([self.fd], [], [], 0.1)[0]:
                self.seen += os.read(self.fd, 1 << 16)

    def wait_for_end(self) -> int:
        """The wait status of the program, which is read to its end; -1 where it lives on (it is killed then)."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return -1

    def close(self) -> None:
        os.close(self.fd)


def open_workbench(store_path: Path) -> Terminal:
    terminal = Terminal(sys.executable, "-m", "qtui", "--store", str(store_path))
    terminal.wait_for("study")
    return terminal


def wait_for_text(file: Path, text: str) -> None:
    end = time.monotonic() + SECONDS
    while not (file.exists() and text in file.read_text(encoding="utf-8")):
        assert time.monotonic() < end, f"no {text!r} in {file}"
        time.sleep(0.02)


def test_the_first_frame_needs_nothing_heavy(store_path: Path, study: int, tmp_path: Path) -> None:
    script = tmp_path / "first_frame.py"
    script.write_text(FIRST_FRAME, encoding="utf-8")
    child = subprocess.run(
        [sys.executable, str(script), str(store_path)],
        env=os.environ | {"TEXTUAL_DRIVER": "textual.drivers.headless_driver:HeadlessDriver", "PYTHONPATH": str(Path.cwd())},
        capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stderr.strip().splitlines()[-1]) == []


def test_the_process_ends_when_its_terminal_is_closed(store_path: Path, study: int) -> None:
    terminal = open_workbench(store_path)
    terminal.close()
    assert terminal.wait_for_end() != -1


def test_the_process_ends_without_a_terminal_even_if_nobody_sends_it_a_signal(
    store_path: Path, study: int, tmp_path: Path
) -> None:
    # In a session of its own, on a terminal that belongs to another: the kernel sends nothing when that one goes.
    inner = f"echo $$ > {tmp_path}/pid; exec {sys.executable} -m qtui --store {store_path}"
    terminal = Terminal("sh", "-c", f"trap '' HUP; setsid -w sh -c '{inner}'")
    terminal.wait_for("study")
    workbench = int((tmp_path / "pid").read_text())
    terminal.close()
    try:
        assert terminal.wait_for_end() != -1
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(workbench, signal.SIGKILL)


def test_q_ends_it_with_the_terminal_as_it_was(store_path: Path, study: int) -> None:
    terminal = open_workbench(store_path)
    os.write(terminal.fd, b"q")
    terminal.wait_for("\x1b[?1049l")
    assert terminal.wait_for_end() == 0
    terminal.close()


def test_q_beside_a_run_leaves_the_command_that_helps_in_one_line(store_path: Path, store: Store) -> None:
    begin(store, "study", ends=("with Slurm job 4711",))
    terminal = Terminal("env", "SLURM_JOB_ID=4711", sys.executable, "-m", "qtui", "--store", str(store_path))
    terminal.wait_for("running")
    os.write(terminal.fd, b"q")
    terminal.wait_for(f'sbatch --wrap "qtui resume 1 --store {store_path}"\r\n')
    assert terminal.wait_for_end() == 0
    terminal.close()


def test_sigterm_ends_it_with_the_terminal_as_it_was(store_path: Path, study: int) -> None:
    terminal = open_workbench(store_path)
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.wait_for("\x1b[?1049l")
    assert terminal.wait_for_end() == 0
    terminal.close()


def test_crash_in_native_code_leaves_its_trace_in_the_log(store_path: Path, study: int) -> None:
    log = paths.logs() / "errors.log"
    terminal = open_workbench(store_path)
    wait_for_text(log, "# processor: ")
    os.kill(terminal.pid, signal.SIGSEGV)
    assert os.waitstatus_to_exitcode(terminal.wait_for_end()) == -signal.SIGSEGV
    terminal.close()
    assert f"qtui --store {store_path}, process {terminal.pid}" in log.read_text(encoding="utf-8")
    assert "Fatal Python error: Segmentation fault" in log.read_text(encoding="utf-8")


def test_workbench_that_is_asked_writes_where_it_is_and_goes_on(store_path: Path, study: int) -> None:
    terminal = open_workbench(store_path)
    os.kill(terminal.pid, signal.SIGUSR1)
    wait_for_text(paths.logs() / "errors.log", "most recent call first")
    os.write(terminal.fd, b"q")
    terminal.wait_for("\x1b[?1049l")
    assert terminal.wait_for_end() == 0
    terminal.close()


def test_end_in_order_leaves_nothing_in_the_log(store_path: Path, study: int) -> None:
    terminal = open_workbench(store_path)
    os.write(terminal.fd, b"q")
    terminal.wait_for("\x1b[?1049l")
    assert terminal.wait_for_end() == 0
    terminal.close()
    assert (paths.logs() / "errors.log").read_text(encoding="utf-8") == ""


def test_a_defect_ends_it_with_one_line_and_its_details_in_the_log(
    store_path: Path, study: int, tmp_path: Path
) -> None:
    script = tmp_path / "defect.py"
    script.write_text(
        "import sys\nfrom qtui.cli import main\nfrom qtui.ui.panes.runs.pane import RunsPane\n"
        "async def broken(self):\n    secret = 'what a model said'\n    raise RuntimeError('broken ' + 'on purpose')\n"
        f"RunsPane.action_new = broken\nsys.argv = ['qtui', '--store', {str(store_path)!r}]\nmain()\n",
        encoding="utf-8",
    )
    terminal = Terminal("env", f"PYTHONPATH={Path.cwd()}", sys.executable, str(script))
    terminal.wait_for("study")
    os.write(terminal.fd, b"n")
    terminal.wait_for("The details are in")
    assert os.waitstatus_to_exitcode(terminal.wait_for_end()) == 1
    terminal.close()
    after = terminal.seen.rpartition(b"\x1b[?1049l")[2].decode()
    assert "this is a defect of qtui (RuntimeError)" in after
    assert "Traceback" not in after
    assert "what a model said" not in after
    assert "broken on purpose" in (paths.logs() / "errors.log").read_text(encoding="utf-8")
