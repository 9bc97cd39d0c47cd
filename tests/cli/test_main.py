"""The program as a user starts it: exit statuses, what goes where, and what a real terminal gets to see."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.cli.conftest import GOOD
from tests.filled_store import fill

QTUI = [sys.executable, "-m", "qtui"]
CONTROLS = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202e]")
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*QTUI, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def shown(*arguments: str, **environment: str) -> str:
    """What the program writes to a terminal of 80 columns."""
    child = pexpect.spawn(
        QTUI[0], [*QTUI[1:], *arguments], dimensions=(24, 80), encoding="utf-8", timeout=60,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )  # fmt: skip
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def test_a_user_error_is_one_line_on_stderr_and_status_1(tmp_path: Path) -> None:
    done = run("scores", "--store", str(tmp_path / "gone.sqlite"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tmp_path / 'gone.sqlite'}: no store there.")
    assert done.stderr.count("\n") == 1


def test_wrong_usage_is_status_2_and_the_nearest_name_is_offered() -> None:
    done = run("scroes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'scores'?" in done.stderr


def test_a_gate_that_is_not_met_is_status_3(store_path: Path) -> None:
    assert run("check").returncode == 3
    assert run("check", "--pair", "pet-7b:Q4_K_M").returncode == 0


def test_the_store_option_may_stand_before_the_command(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QTUI_STORE")
    assert run("--store", str(store_path), "runs").stdout.splitlines()[1].split()[1] == "pets"


def test_help_and_version_load_no_command() -> None:
    script = (
        "import sys; sys.argv = ['qtui', '--help']\n"
        "from qtui.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'textual', 'rich', 'pandas', 'numpy', 'sqlite3', 'psutil', 'pydantic', 'openai', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Commands:" in done.stdout
    assert run("--version").stdout.startswith("qtui 0.")


def test_without_a_terminal_the_workbench_says_so() -> None:
    done = run()
    assert done.returncode == 1
    assert "needs a terminal" in done.stderr


def test_a_reader_that_leaves_early_gets_no_traceback(store_path: Path) -> None:
    child = subprocess.Popen([*QTUI, "export", "answers"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout and child.stderr
    child.stdout.close()
    assert child.stderr.read() == ""
    child.wait()


def test_a_defect_goes_to_the_log_and_not_to_the_screen(tmp_path: Path) -> None:
    script = "import qtui.cli as c\ndef broken(*a, **k): raise RuntimeError('inside')\nc.cli.main = broken\nc.main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    log = Path(done.stderr.strip().rpartition(" ")[2])
    assert "RuntimeError: inside" in log.read_text()


def test_ctrl_c_is_status_130_without_a_traceback(tmp_path: Path) -> None:
    script = (
        "import os, signal, qtui.cli as c\n"
        "def interrupted(*a, **k): os.kill(os.getpid(), signal.SIGINT)\n"
        "c.cli.invoke = interrupted\n"
        "c.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (130, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "3"),
        ("compare", "3", "--json"),
        ("export", "answers"),
        ("export", "answers", "--format", "jsonl"),
        ("export", "grades"),
    ],
)
def test_what_a_model_wrote_cannot_drive_the_terminal(store_path: Path, arguments: tuple[str, ...]) -> None:
    text = STYLE.sub("", shown(*arguments)).replace("\r\n", "\n")
    assert "owned" in text or arguments[1] == "grades"
    assert "\x1b" not in text
    assert CONTROLS.findall(text) == []


@pytest.mark.parametrize(
    "arguments", [("scores",), ("lengths",), ("compare", "12"), ("runs",), ("models",), ("doctor",)]
)
def test_nothing_is_wider_than_the_terminal(store_path: Path, arguments: tuple[str, ...]) -> None:
    from qtui.text import width

    lines = STYLE.sub("", shown(*arguments)).splitlines()
    assert lines
    assert max(width(line) for line in lines) <= 80


def test_no_color_leaves_bold_and_underline_only(store_path: Path) -> None:
    text = shown("compare", "2", NO_COLOR="1")
    codes = {code for sequence in STYLE.findall(text) for code in sequence[2:-1].split(";")}
    assert "4" in codes
    assert codes <= {"0", "1", "2", "4"}


def test_parquet_is_not_written_to_a_terminal(store_path: Path) -> None:
    assert "Parquet is binary and cannot be shown in a terminal" in shown("export", "answers", "--format", "parquet")


def test_a_locale_without_the_signs_of_a_table_gets_question_marks(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    fill(path, grade_of={"FP16": GOOD, "Q4_K_M": GOOD})
    done = subprocess.run(
        [*QTUI, "scores", "--store", str(path)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "FP16 ? Q4_K_M" in done.stdout
