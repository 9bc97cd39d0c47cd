"""Code by unit test (Chen et al. 2021, HumanEval; Austin et al. 2021, MBPP): 1 if the tests pass, else 0.

qtui runs no model's code by itself. The experiment names the `command` of a sandbox, which gets the program on its standard input,
for example `["docker", "run", "--rm", "-i", "--network=none", "--memory=512m", "python:3.12-slim", "python", "-"]`. Exit
status 0 means that the tests passed. 125, 126 and 127 mean that the sandbox itself failed (as docker and shells say): such an
answer is unscored. The command gets no variables of qtui's environment but PATH, HOME, LANG and those of docker and podman,
because keys are among the others.

The tests are the task's (`checks`): `{"test": "…"}`, a text or a list of texts; with `entry_point`, the test calls
`check(entry_point)` as in HumanEval, and `prompt` is put before an answer that only continues it.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
from typing import Any

from qtui.records import Score
from qtui.scorers.protocol import Question, ScorerError, Settings, quoted, unscored

SANDBOX_FAILED = (125, 126, 127)
VARIABLES = ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "DOCKER_HOST", "CONTAINER_HOST")
_BLOCK = re.compile(r"```[ \t]*(?:[A-Za-z0-9+#.-]*)[ \t]*\r?\n(.*?)(?:\r?\n[ \t]*```|\Z)", re.DOTALL)


def score(question: Question, settings: Settings) -> Score:
    try:
        program = program_of(question.answer, question.task.expected.checks)
    except ValueError as error:
        return unscored(str(error))
    command, seconds = list(settings["command"]), float(settings["timeout"])
    variables = {name: value for name in VARIABLES if (value := os.environ.get(name)) is not None}
    try:
        sandbox = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=variables,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ScorerError(f"the sandbox command {command[0]!r} is not found on this machine") from None
    except OSError as error:
        raise ScorerError(f"the sandbox command {command[0]!r} cannot be started: {error.strerror}") from None
    with sandbox:
        try:
            _, written = sandbox.communicate(program.encode(errors="replace"), timeout=seconds)
        except subprocess.TimeoutExpired:
            return Score(0.0, f"the tests took more than {seconds:g} s")
        finally:
            # Its children too: a test may leave some that hold the pipe open.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(sandbox.pid, signal.SIGKILL)
    return _ended(sandbox.returncode, written.decode(errors="replace").strip())


def _ended(status: int, written: str) -> Score:
    said = f": {quoted(written.splitlines()[-1])}" if written else ""
    if status in SANDBOX_FAILED:
        return unscored(f"the sandbox ended with status {status}{said}")
    return Score(1.0, "the tests pass") if status == 0 else Score(0.0, f"the tests fail (status {status}){said}")


def program_of(answer: str, checks: str) -> str:
    """Return the program to run: the answer's code and the task's tests. Raises ValueError if the task has no tests."""
    tests = _read(checks)
    test, entry_point = tests.get("test"), tests.get("entry_point")
    lines = test if isinstance(test, list) else [test]
    if not all(isinstance(line, str) for line in lines) or not lines:
        raise ValueError('the task has no tests: its checks need {"test": "…"}')
    code = code_of(answer)
    prompt = tests.get("prompt")
    if (
        isinstance(entry_point, str)
        and isinstance(prompt, str)
        and not re.search(rf"def\s+{re.escape(entry_point)}\b", code)
    ):
        code = prompt + code
    call = [f"check({entry_point})"] if isinstance(entry_point, str) and entry_point else []
    return "\n".join([code, *map(str, lines), *call, ""])


def code_of(answer: str) -> str:
    """Return the code of an answer: its longest fenced block, else the whole answer."""
    blocks: list[str] = _BLOCK.findall(answer)
    return max(blocks, key=len) if blocks else answer


def _read(checks: str) -> dict[str, Any]:
    try:
        tests = json.loads(checks or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(f"the checks of the task are not valid JSON: {error}") from None
    if not isinstance(tests, dict):
        raise ValueError('the checks of the task are no table: they need {"test": "…"}')
    return tests
