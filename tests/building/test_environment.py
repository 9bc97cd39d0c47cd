"""What `make` does to set up an environment: pip and the compilers beside each other, and what is said of both."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from qtui.building import environment, recipe, wheel
from qtui.building.environment import RELEASE
from qtui.building.progress import Board
from qtui.cli import engines
from qtui.errors import UserError


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.split("s  ", 1)[1] for line in capsys.readouterr().err.splitlines()]


def test_without_a_terminal_each_new_step_is_a_line_and_each_package_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("qtui.building.progress.time.monotonic", lambda: now[0])
    with Board() as board:
        board.show("llama.cpp", "fetching", None)
        for count in range(1, 60):
            now[0] += 1
            board.show("llama.cpp", f"compiling: {count} of 60 steps", count / 60)
            board.show("packages", f"collecting package-{count}", None)
        board.done("packages", "installed")
        board.done("llama.cpp", "built")
    said = lines(capsys)
    assert said[:3] == ["llama.cpp: fetching", "llama.cpp: compiling: 1 of 60 steps", "packages: collecting package-1"]
    assert said[-2:] == ["packages: installed", "llama.cpp: built"]
    assert 6 <= len(said) <= 9, "a silent minute is a dead program, and a line per package is noise"


def test_a_build_that_is_installed_or_kept_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = recipe.for_machine("cpu")
    installed: list[Path] = []
    monkeypatch.setattr(wheel, "build", lambda *_, **__: pytest.fail("built again"))
    monkeypatch.setattr(wheel, "install", installed.append)
    monkeypatch.setattr(environment, "installed_fingerprint", lambda: wanted.fingerprint)
    with Board() as board:
        environment.install_llama_cpp(wanted, board, RELEASE)
    assert not installed
    monkeypatch.setattr(environment, "installed_fingerprint", lambda: "another")
    monkeypatch.setattr(wheel, "cached", lambda _: tmp_path / "kept.whl")
    with Board() as board:
        environment.install_llama_cpp(wanted, board, RELEASE)
    assert installed == [tmp_path / "kept.whl"]
    assert lines(capsys) == [
        "llama.cpp for cpu: already installed",
        "llama.cpp for cpu: copied from the build cache",
    ]


def test_packages_that_cannot_be_installed_are_an_error_in_pips_words(tmp_path: Path) -> None:
    """A real pip, and a folder that is no project."""
    with pytest.raises(UserError, match=r"pip could not install the packages: .*nowhere"):
        environment.install_packages(str(tmp_path / "nowhere"), None)


@pytest.mark.usefixtures("needs_own_build")
def test_the_installed_library_carries_the_record_of_its_build() -> None:
    record = environment.installed_record()
    assert record["fingerprint"] == environment.installed_fingerprint()
    assert record["version"] == recipe.VERSION
    assert record["backend"] in recipe.BACKENDS


@pytest.fixture
def needs_own_build() -> None:
    if not environment.installed_record():
        pytest.skip("llama.cpp was not built by qtui here")


def test_engines_prints_a_pip_command_with_the_same_settings() -> None:
    shown = CliRunner().invoke(engines.engines, ["--backend", "cpu", "--pip-command"], standalone_mode=False)
    assert shown.return_value == 0
    for word in ("--no-cache-dir", "--no-binary", f"llama-cpp-python=={recipe.VERSION}", "llama_cpp.cmake"):
        assert word in shown.output


def test_engines_offline_wants_sources() -> None:
    shown = CliRunner().invoke(engines.engines, ["--offline"])
    assert shown.exit_code == 2
    assert "--source" in shown.output


def test_engines_refuses_a_back_end_of_another_system(tmp_path: Path) -> None:
    if sys.platform == "darwin":
        pytest.skip("metal is right here")
    done = subprocess.run(
        [sys.executable, "-m", "qtui", "engines", "--backend", "metal"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Apple" in done.stderr
    assert "Traceback" not in done.stderr


def test_bytecode_of_what_a_first_run_imports_is_kept_even_where_python_is_told_to_keep_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen.json"
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(
        environment, "_IMPORTS", f"import sys, json; json.dump(sys.dont_write_bytecode, open({str(seen)!r}, 'w'))"
    )
    environment._precompile()
    assert json.loads(seen.read_text()) is False


def test_everything_that_is_imported_beside_the_compilers_can_be_imported() -> None:
    pytest.importorskip("transformers")
    done = subprocess.run([sys.executable, "-c", environment._IMPORTS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
