"""Task sets of the hub through its real libraries, from a hub on 127.0.0.1: loaded, pinned, then read again without it.

In processes of their own, because the libraries read their settings when they are imported.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.task_sets import known
from tests.task_sets.dataset_hub import COMMIT, DatasetHub

pytest.importorskip("datasets", reason="datasets is in the engines extra, which is not installed")

ASK = """
import sys
from qtui.errors import UserError
from qtui.task_sets import SetRequest, load_set
try:
    found = load_set(SetRequest(sys.argv[1]))
except UserError as error:
    sys.exit(str(error))
print(found.source)
print(len(found.tasks), found.tasks[0].reference, found.tasks[0].input[:10])
"""
README = """---
configs:
- config_name: main
  data_files:
  - split: train
    path: main/train.jsonl
  - split: test
    path: main/test.jsonl
---
"""


def gsm8k(folder: Path) -> Path:
    for name, sum_ in (("train", 3), ("test", 7)):
        path = folder / "main" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{"question": f"{name} question {i}", "answer": f"So {i}+{sum_}\n#### {i + sum_:,}"} for i in (1, 2)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "README.md").write_text(README, encoding="utf-8")
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[DatasetHub]:
    script = tmp_path / "script"
    script.mkdir()
    (script / "hellaswag.py").write_text("raise SystemExit('this code ran')\n", encoding="utf-8")
    tsv = tmp_path / "tsv"
    tsv.mkdir()
    (tsv / "mgsm_ja.tsv").write_text("りんごが3個と4個、全部で?\t7\n", encoding="utf-8")
    csv = tmp_path / "csv"
    csv.mkdir()
    (csv / "test.csv").write_text("input,output,eval_aspect\n書いて,はい,丁寧さ\n", encoding="utf-8")
    served = DatasetHub(
        {
            "openai/gsm8k": gsm8k(tmp_path / "gsm8k"),
            "Rowan/hellaswag": script,
            "juletxara/mgsm": tsv,
            "elyza/ELYZA-tasks-100": csv,
        }
    )
    yield served
    served.close()


def revision(name: str) -> str | None:
    """Return the commit that the set's definition names."""
    definition = known.find(name, None)
    assert definition is not None
    return definition.source.revision


def ask(home: Path, name: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"} | settings
    return subprocess.run(
        [sys.executable, "-c", ASK, name], env=environment, capture_output=True, text=True, check=False
    )


def test_a_set_is_loaded_with_its_commit_and_then_read_without_the_hub(hub: DatasetHub, tmp_path: Path) -> None:
    loaded = ask(tmp_path / "hf", "gsm8k", HF_ENDPOINT=hub.url)
    asked = len(hub.requests)
    again = ask(tmp_path / "hf", "gsm8k", HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1")

    pinned = revision("gsm8k")
    assert pinned not in (None, COMMIT)
    assert loaded.stdout == f"hf:openai/gsm8k@{pinned} main test\n2 8 test quest\n", loaded.stderr
    assert again.stdout == loaded.stdout, again.stderr
    assert len(hub.requests) == asked


def test_a_set_of_named_files_is_loaded_with_its_commit(hub: DatasetHub, tmp_path: Path) -> None:
    loaded = ask(tmp_path / "hf", "mgsm-ja", HF_ENDPOINT=hub.url)

    assert loaded.stdout.startswith(f"hf:juletxara/mgsm@{revision('mgsm-ja')} test\n1 7 りんご"), loaded.stderr


def test_a_set_whose_definition_names_no_commit_is_loaded_at_the_newest(hub: DatasetHub, tmp_path: Path) -> None:
    loaded = ask(tmp_path / "hf", "elyza-tasks-100", HF_ENDPOINT=hub.url)

    assert revision("elyza-tasks-100") is None
    assert loaded.stdout.startswith(f"hf:elyza/ELYZA-tasks-100@{COMMIT} test\n1 はい 書いて"), loaded.stderr


def test_a_set_that_is_a_script_is_refused_and_its_code_does_not_run(hub: DatasetHub, tmp_path: Path) -> None:
    said = ask(tmp_path / "hf", "hellaswag", HF_ENDPOINT=hub.url).stderr

    assert "hf:Rowan/hellaswag validation: is a Python script, and qtui runs no code of data sets" in said
    assert "this code ran" not in said
    assert "Traceback" not in said


def test_what_is_neither_here_nor_cached_says_so(tmp_path: Path) -> None:
    said = ask(tmp_path / "hf", "gsm8k", HF_HUB_OFFLINE="1").stderr

    assert "hf:openai/gsm8k main test: is not in the cache" in said
    assert "Traceback" not in said
