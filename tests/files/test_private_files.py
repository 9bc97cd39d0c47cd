"""Who may read what qtui writes: real commands under several umasks, then every file that they left is looked at."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui import paths
from qtui.files import private_files
from qtui.store import open_store
from qtui.ui.dialogs import new_run
from tests.exchange.study_tree import put_variant
from tests.filled_store import fill

UMASKS = [0o000, 0o022, 0o077]
PRIVATE = {"file": 0o600, "folder": 0o700}

EXPERIMENT = """
name = "small"
tasks = "tasks.jsonl"
sampling = { max_tokens = 4 }
[[models]]
name = "demo-ja"
[[models.variants]]
name = "Q8_0"
engine = "llama.cpp"
weights = "demo"
[[judges]]
kind = "reference"
"""


@pytest.fixture(params=UMASKS, ids=lambda mask: f"umask {mask:03o}")
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    mask: int = request.param
    old = os.umask(mask)
    yield mask
    os.umask(old)


@pytest.fixture
def needs_llama_cpp() -> None:
    for package in ("llama_cpp", "gguf"):
        pytest.importorskip(package, reason=f'{package} is not installed: pip install "qtui[engines]"')


@pytest.fixture
def xdg(tmp_path: Path) -> Path:
    """Above the folders that qtui writes to; see `own_folders` of conftest."""
    return tmp_path / "xdg"


def qtui(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qtui", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def modes(top: Path) -> dict[str, int]:
    """Of everything below a folder: path → rights, if they are not those of something private."""
    wide = {}
    for path in top.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode != PRIVATE["folder" if path.is_dir() else "file"]:
            wide[str(path.relative_to(top))] = mode
    return wide


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_run_leaves_nothing_that_others_may_read(
    umask: int, tmp_path: Path, xdg: Path, needs_llama_cpp: None
) -> None:
    (tmp_path / "tasks.jsonl").write_text('{"input": "一つ"}\n{"input": "二つ"}\n')
    (tmp_path / "experiment.toml").write_text(EXPERIMENT)
    done = qtui("run", tmp_path / "experiment.toml")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in xdg.rglob("*")}
    assert {"store.sqlite", "run-1.log", "run-1-1.log", "fingerprints.json", "demo-Q8_0.gguf", "lock"} <= names
    assert modes(xdg) == {}


def test_quantizing_for_the_cache_leaves_nothing_that_others_may_read(
    umask: int, xdg: Path, needs_llama_cpp: None
) -> None:
    done = qtui("quantize", "demo", "--type", "Q8_0")
    assert done.returncode == 0, done.stderr
    assert {"quantize.log", "demo-Q8_0.gguf"} <= {path.name for path in xdg.rglob("*")}
    assert modes(xdg) == {}


def test_an_import_leaves_nothing_that_others_may_read(umask: int, tmp_path: Path, xdg: Path) -> None:
    put_variant(tmp_path / "assets" / "org" / "pet-7b", "猫", "犬")
    done = qtui("import", "gpt4-autoeval", tmp_path / "assets")
    assert done.returncode == 0, done.stderr
    assert (xdg / "data" / "qtui" / "store.sqlite").exists()
    assert modes(xdg) == {}


def test_a_defect_is_described_in_a_log_that_others_may_not_read(umask: int, xdg: Path) -> None:
    code = "import sys, qtui.cli as c; sys.argv = ['qtui', 'runs']; c.importlib.import_module = None; c.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "a defect of qtui" in done.stderr
    assert "Traceback" in (xdg / "state" / "qtui" / "logs" / "errors.log").read_text()
    assert modes(xdg) == {}


def test_an_experiment_of_the_form_is_for_its_user_alone(umask: int, xdg: Path) -> None:
    assert mode(new_run.save("x", "mine")) == 0o600
    assert modes(xdg) == {}


def test_journals_of_the_store_have_its_rights(umask: int, xdg: Path) -> None:
    store = open_store()
    store.execute("INSERT INTO task_set (hash, name) VALUES ('h', 'n')")
    assert {path.name for path in paths.default_store().parent.iterdir()} == {
        f"store.sqlite{suffix}" for suffix in ("", "-wal", "-shm")
    }
    assert modes(xdg) == {}
    store.close()


def test_a_store_of_a_new_folder_is_for_its_user_alone_with_the_folder(umask: int, tmp_path: Path) -> None:
    open_store(tmp_path / "new" / "deep" / "s.sqlite").close()
    assert modes(tmp_path) == {}


def test_what_is_asked_for_by_name_follows_the_umask(umask: int, tmp_path: Path, needs_llama_cpp: None) -> None:
    out = tmp_path / "models"
    done = qtui("quantize", "demo", "--type", "Q8_0", "--out", out)
    assert done.returncode == 0, done.stderr
    assert (mode(out), mode(out / "demo-Q8_0.gguf")) == (0o777 & ~umask, 0o666 & ~umask)


def test_an_export_follows_the_umask(umask: int, tmp_path: Path) -> None:
    fill(tmp_path / "s.sqlite")
    done = qtui("export", "answers", "--output", tmp_path / "a.csv", "--store", tmp_path / "s.sqlite")
    assert (done.returncode, mode(tmp_path / "a.csv")) == (0, 0o666 & ~umask)


def test_folders_of_others_keep_their_rights(tmp_path: Path, needs_llama_cpp: None) -> None:
    for name in ("shared", "models"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o775)
    fill(tmp_path / "shared" / "s.sqlite")
    qtui("runs", "--store", tmp_path / "shared" / "s.sqlite")
    done = qtui(
        "quantize", "demo", "--type", "Q8_0", "--out", tmp_path / "models", "--store", tmp_path / "shared" / "s.sqlite"
    )
    assert done.returncode == 0, done.stderr
    assert (mode(tmp_path / "shared"), mode(tmp_path / "models")) == (0o775, 0o775)


def test_a_store_that_the_user_shares_elsewhere_keeps_its_rights(tmp_path: Path) -> None:
    fill(tmp_path / "s.sqlite")
    (tmp_path / "s.sqlite").chmod(0o640)
    open_store(tmp_path / "s.sqlite").close()
    assert mode(tmp_path / "s.sqlite") == 0o640


def test_log_and_folders_that_an_older_qtui_left_open_are_narrowed(xdg: Path) -> None:
    log = paths.logs() / "run-1.log"
    log.parent.mkdir(parents=True)
    log.write_text("before\n")
    log.chmod(0o666)
    for folder in (paths.logs(), paths.logs().parent):
        folder.chmod(0o777)
    (xdg / "state").chmod(0o755)
    with private_files.open_private_log(log) as opened:
        opened.write(b"after\n")
    assert log.read_text() == "before\nafter\n"
    assert (mode(log), mode(paths.logs()), mode(paths.logs().parent)) == (0o600, 0o700, 0o700)
    assert mode(xdg / "state") == 0o755, "the folder that all programs share"


def test_a_store_that_was_left_open_in_qtuis_own_folder_is_narrowed(xdg: Path) -> None:
    open_store().close()
    paths.default_store().chmod(0o644)
    paths.user_data().chmod(0o755)
    open_store(create=False).close()
    assert modes(xdg / "data") == {}


def test_narrowing_a_store_leaves_the_locks_on_it(xdg: Path) -> None:
    """Of another connection of the same process: to open and close the file would give them up."""
    writer = open_store()
    writer.execute("BEGIN IMMEDIATE")
    paths.default_store().chmod(0o644)
    open_store().close()
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(paths.default_store())], capture_output=True, text=True, check=False
    )
    assert "locked" in done.stderr
    writer.close()


def test_what_a_symbolic_link_points_to_keeps_its_rights(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "of_somebody.log").touch()
    for path in (elsewhere, elsewhere / "of_somebody.log"):
        path.chmod(0o777)
    paths.user_data().parent.mkdir(parents=True)
    paths.user_data().symlink_to(elsewhere)
    paths.logs().mkdir(parents=True)
    (paths.logs() / "run-1.log").symlink_to(elsewhere / "of_somebody.log")
    open_store().close()
    private_files.open_private_log(paths.logs() / "run-1.log").close()
    assert (mode(elsewhere), mode(elsewhere / "of_somebody.log")) == (0o777, 0o777)
    assert mode(elsewhere / "store.sqlite") == 0o600


def test_a_device_in_place_of_a_log_keeps_its_rights() -> None:
    before = mode(Path(os.devnull))
    private_files.open_private_log(Path(os.devnull)).close()
    assert mode(Path(os.devnull)) == before


def test_a_umask_that_takes_rights_from_the_user_does_no_harm(xdg: Path) -> None:
    old = os.umask(0o377)
    try:
        open_store().close()
        private_files.open_private_log(paths.logs() / "x.log").close()
    finally:
        os.umask(old)
    assert modes(xdg) == {}


def test_every_folder_and_log_of_qtui_is_made_in_one_module() -> None:
    """Where a new `mkdir` or `open` appears, it is decided whose file it is, and it is added here or goes through the module."""
    allowed = {
        "private_files.py",
        "hub_resume.py",  # the hub's own cache, which other programs share
        "converter.py",  # in a temporary folder of its own, which is narrowed before it is moved
    }
    making = ("mkdir(", "makedirs(", '.open("a', '.open("w', "os.open(path", ".touch(")
    wide = {
        file.name
        for file in paths.PACKAGE.rglob("*.py")
        if any(word in file.read_text(encoding="utf-8") for word in making)
    }
    assert wide - allowed == {"input_file.py"}, "which only reads"


def test_a_pipe_in_the_place_of_a_log_is_refused_at_once() -> None:
    log = paths.logs() / "run-1.log"
    private_files.private_folder(log.parent)
    os.mkfifo(log)
    with pytest.raises(OSError):
        private_files.open_private_log(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="is a pipe"):
        private_files.open_private_log(log)
    os.close(reader)
