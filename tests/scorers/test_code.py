"""Code by unit test: only in the command that is named. Here that is a Python process, which stands in for a sandbox."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from qtui.records import Score, ScorerSpec
from qtui.scorers import ScorerError, setting_problems
from tests.scorers.ask import ask

SANDBOX = [sys.executable, "-"]
TESTS = {"test": "def check(f):\n    assert f(2) == 4", "entry_point": "double", "prompt": "def double(x):\n"}


def run(answer: str, tests: Any = TESTS, **settings: Any) -> Score:
    return ask("code", answer, checks=json.dumps(tests), **({"command": SANDBOX} | settings))


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("Here:\n```python\ndef double(x):\n    return 2 * x\n```\nIt doubles.", 1),
        ("    return 2 * x\n", 1),
        ("def double(x):\n    return x + 3\n", 0),
        ("def double(x) return", 0),
        ("while True: pass", 0),
        ("", 0),
    ],
)
def test_code_passes_its_tests_or_not(answer: str, score: int) -> None:
    assert run(answer, timeout=10.0 if "while" not in answer else 0.5).score == score


def test_without_a_command_it_is_refused() -> None:
    [(name, problem)] = setting_problems(ScorerSpec("code"))
    assert name == "command"
    assert "runs no model's code by itself" in problem


def test_a_sandbox_that_is_missing_fails_the_scorer_and_one_that_breaks_leaves_the_answer_unscored(
    tmp_path: Path,
) -> None:
    with pytest.raises(ScorerError, match="not found"):
        run("x = 1", command=[str(tmp_path / "docker")])
    broken = run("x = 1", command=["sh", "-c", "echo no daemon >&2; exit 125"])
    assert broken.score is None
    assert "no daemon" in broken.reason


def test_secrets_of_the_environment_do_not_reach_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert run("import os\nassert 'OPENAI_API_KEY' not in os.environ", {"test": "pass"}).score == 1


def test_a_task_without_tests_is_unscored() -> None:
    assert run("x = 1", {}).score is None
