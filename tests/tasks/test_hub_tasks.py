"""Task sets of the hub through its real library, switched off from the network: only its cache answers.

In processes of their own, because the library reads its settings when it is imported.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub", reason="huggingface_hub is in the engines extra, which is not installed")

ASK = """
import sys
from qtui.errors import UserError
from qtui.tasks import load_task_set
try:
    found = load_task_set(sys.argv[1])
except UserError as error:
    sys.exit(str(error))
print(found.name, found.source, *(task.input for task in found.tasks))
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def cached(home: Path, **files: str) -> Path:
    """The library's own cache layout with one data set in it."""
    repository = home / "hub" / "datasets--team--pets"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    for name, content in files.items():
        path = repository / "snapshots" / COMMIT / name.replace("__", "/").replace("_csv", ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return home


def ask(home: Path, address: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-c", ASK, address], env=environment, capture_output=True, text=True, check=False
    )


def test_the_test_split_is_read_from_the_cache_by_default(tmp_path: Path) -> None:
    home = cached(tmp_path, test_csv="input,output\ncat,meow\n", train_csv="input\ndog\n")
    assert ask(home, "hf:team/pets").stdout == "pets hf:team/pets cat\n"


def test_a_named_split_is_read_over_all_its_files_in_order(tmp_path: Path) -> None:
    parts = {f"data__train-0000{part}-of-00002_csv": f"input\n{pet}\n" for part, pet in enumerate(("dog", "cow"))}
    home = cached(tmp_path, **parts, test_csv="input\ncat\n")
    assert ask(home, "hf:team/pets:train").stdout == "pets hf:team/pets:train dog cow\n"


def test_an_unknown_split_lists_the_files(tmp_path: Path) -> None:
    home = cached(tmp_path, test_csv="input\ncat\n")
    assert "no split 'dev' (files: test.csv)" in ask(home, "hf:team/pets:dev").stderr


def test_what_is_not_cached_says_so_and_not_how_the_library_failed(tmp_path: Path) -> None:
    done = ask(tmp_path, "hf:team/none")
    assert "hf:team/none: is not in the cache" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_the_hub_cannot_have_is_refused(tmp_path: Path) -> None:
    assert "not a name of a data set on the hub" in ask(tmp_path, "hf:a/b/c").stderr
