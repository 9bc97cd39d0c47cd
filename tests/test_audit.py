"""`make audit`: what it says and how it ends. Small programs stand in for pip-audit, which the tests do not install."""

import sys
from pathlib import Path

import pytest

from tests import audit

MAKEFILE = Path(__file__).parents[1] / "Makefile"
UNREACHABLE = "import urllib.request as r; r.urlopen('http://127.0.0.1:9/pypi/x/1/json', timeout=5)"
FINDS = "import sys; print('x 1.0 PYSEC-1'); print('Found 1 known vulnerability', file=sys.stderr); sys.exit(1)"


def test_a_service_that_cannot_be_reached_is_one_sentence_and_a_status_of_its_own(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert audit.main([sys.executable, "-c", UNREACHABLE]) == audit.NOT_AUDITED
    said = capfd.readouterr().err
    assert said.startswith("error: nothing was audited: ")
    assert "refused" in said
    assert "Traceback" not in said
    assert said.count("\n") == 1


def test_what_the_tool_finds_is_shown_with_its_own_status(capfd: pytest.CaptureFixture[str]) -> None:
    assert audit.main([sys.executable, "-c", FINDS]) == 1
    assert capfd.readouterr() == ("x 1.0 PYSEC-1\n", "Found 1 known vulnerability\n")


def test_a_tool_that_is_not_there_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    assert audit.main([".audit/bin/absent"]) == audit.NOT_AUDITED
    assert capfd.readouterr().err.count("\n") == 1


def test_the_target_runs_the_tool_in_this_way() -> None:
    assert "-m tests.audit .audit/bin/pip-audit --strict --requirement constraints.txt" in MAKEFILE.read_text()
