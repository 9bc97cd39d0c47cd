"""`qtui bugreport`: what is in the archive, and that nothing private is, wherever it was planted."""

import json
import os
import stat
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from qtui import paths
from qtui.files import private_files
from qtui.records import Answer, Task, TaskSet, content_hash
from qtui.store import new_runs, open_store, runs
from tests import stores

SECRETS = {
    "answer": "CANARYANSWER the answer has no key of the run",
    "task": "CANARYTASK the model reads the store of the task",
    "reference": "CANARYREFERENCE",
    "criteria": "CANARYCRITERIA",
    "reason": "CANARYREASON",
    "prompt": "CANARYPROMPT",
    "key": "sk-CANARYKEY-0123456789",
    "password": "CANARYPASSWORD",
    "person": "canaryperson",
    "model": "CANARYMODEL-7b",
    "experiment": "CANARYEXPERIMENT",
}
QUOTED = ("answer has no key of", "reads the store of the")
"""Parts of private texts whose words qtui itself uses."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a private text in every place, and logs that quote all of them."""
    path = tmp_path / SECRETS["person"] / "s.sqlite"
    tasks = TaskSet("CANARYSET", (Task(SECRETS["task"], SECRETS["reference"], SECRETS["criteria"]),))
    with closing(open_store(path)) as opened:
        run_id = stores.new_run(
            opened,
            SECRETS["experiment"],
            tasks,
            stores.variants(tasks, ("FP16", "CANARYVARIANT"), SECRETS["model"]),
            judges=[new_runs.NewJudge("openai:CANARYJUDGE", 1, "f", {})],
            definition=f'prompt = "{SECRETS["prompt"]}"',
            origin=f"/home/{SECRETS['person']}/e.toml",
        )
        stores.answer_all(opened, run_id, lambda v, n, _: Answer(content_hash(v.name, n), SECRETS["answer"], "stop"))
        stores.grade(opened, run_id, {"FP16": [3]}, judge="openai:CANARYJUDGE", reasons=SECRETS["reason"])
        runs.set_state(opened, run_id, "failed", f"refused: {SECRETS['answer']} at https://me:CANARYPASSWORD@host/v1")
    quoting = "\n".join(f"E refused {value} and went on" for value in SECRETS.values())
    for name in ("run-1.log", "run-1-1.log", "errors.log", "CANARYNAME.log"):
        with private_files.open_private_log(paths.logs() / name) as log:
            log.write(
                f'# a test begins\n{quoting}\n  File "/home/canaryperson/qtui/cli/run.py", line 3, in run\n'.encode()
            )
    private_files.private_folder(paths.user_config())
    paths.config_file().write_text(
        f'theme = "CANARYTHEME"\nconverter = "/home/{SECRETS["person"]}/llama.cpp"\n# CANARYCOMMENT\n'
    )
    return path


def qtui(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "qtui", "bugreport", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "OPENAI_API_KEY": SECRETS["key"], "USER": "CANARYUSER", "HOME": "/home/CANARYHOME"},
    )


def files_of(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
        assert all(member.isfile() and member.name.startswith("qtui-bugreport/") for member in members)
        return {member.name.partition("/")[2]: _text(opened, member) for member in members}


def _text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = archive.extractfile(member)
    assert file is not None
    return file.read().decode()


def test_nothing_private_is_in_the_archive_or_shown(store: Path, tmp_path: Path) -> None:
    done = qtui("--yes", "--output", tmp_path / "report.tar.gz", "--store", store)
    assert done.returncode == 0, done.stderr
    files = files_of(tmp_path / "report.tar.gz")
    printed = qtui("--print", "--store", store)
    everything = "\n".join((*files, *files.values(), done.stdout, printed.stdout, printed.stderr)).casefold()
    assert "canary" not in everything.replace(str(tmp_path).casefold(), "")
    assert [part for part in QUOTED if part in everything] == []


def test_what_helps_is_in_it(store: Path, tmp_path: Path) -> None:
    qtui("--yes", "--output", tmp_path / "report.tar.gz", "--store", store)
    files = files_of(tmp_path / "report.tar.gz")
    assert {"versions.json", "doctor.json", "config.json", "store.json", "runs.json", "logs/run-1.log"} <= set(files)
    assert json.loads(files["store.json"])["rows"]["answer"] == 2
    assert json.loads(files["store.json"])["check"] == "ok"
    [run] = json.loads(files["runs.json"])
    assert (run["state"], run["answered"], run["expected"]) == ("failed", 2, 2)
    assert run["reason"].startswith("refused: ")
    assert json.loads(files["versions.json"])["packages"]["textual"]
    assert "# a test begins\n" in files["logs/run-1.log"]
    assert 'File "…/qtui/cli/run.py", line 3, in run' in files["logs/run-1.log"]


def test_the_archive_is_for_its_user_alone_and_replaces_nothing(store: Path, tmp_path: Path) -> None:
    archive = tmp_path / "report.tar.gz"
    old = os.umask(0)
    try:
        assert qtui("--yes", "--output", archive, "--store", store).returncode == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    before = archive.read_bytes()
    again = qtui("--yes", "--output", archive, "--store", store)
    assert (again.returncode, archive.read_bytes()) == (1, before)
    assert "exists" in again.stderr


def test_nothing_is_written_unless_somebody_says_yes(store: Path, tmp_path: Path) -> None:
    done = qtui("--output", tmp_path / "report.tar.gz", "--store", store)
    assert done.returncode == 1
    assert "logs/run-1.log" in done.stdout
    assert "--yes" in done.stderr
    assert not (tmp_path / "report.tar.gz").exists()


def test_without_a_store_the_logs_are_left_out_and_the_rest_is_there(store: Path, tmp_path: Path) -> None:
    done = qtui("--yes", "--output", tmp_path / "report.tar.gz", "--store", tmp_path / "none.sqlite")
    assert done.returncode == 0, done.stderr
    files = files_of(tmp_path / "report.tar.gz")
    assert "left out" in files["logs/run-1.log"]
    assert "error" in json.loads(files["store.json"])
    assert "doctor.json" in files
