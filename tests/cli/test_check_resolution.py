"""`qtui run FILE --check` says what the experiment will be able to show, and where it knows that from."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from qtui.experiment.experiment import load
from qtui.judges import fingerprint
from qtui.store import judges, open_store
from tests import stores
from tests.cli.conftest import Invoke
from tests.cli.test_commands import done
from tests.filled_store import NAMES, TASKS, fill

BASELINE = [1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3, 4]
CANDIDATE = [1, 1, 3, 2, 5, 4, 4, 2, 1, 1, 3, 4]


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QTUI_STORE", str(tmp_path / "store.sqlite"))
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    tasks = tmp_path / "tasks.jsonl"
    lines = [{"input": t.input, "reference": t.reference, "criteria": t.criteria} for t in TASKS.tasks]
    tasks.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    file = tmp_path / "e.toml"
    variants = "".join(
        f'[[models.variants]]\nname = "{name}"\nengine = "openai"\nweights = "m-{name}"\nbase_url = "http://localhost:9/v1"\n'
        for name in NAMES[:2]
    )
    file.write_text(
        f'name = "planned"\ntasks = "{tasks}"\n[[models]]\nname = "m"\n{variants}'
        '[[judges]]\nkind = "openai"\nmodel = "strict"\nbase_url = "http://localhost:9/v1"\n[[judges]]\nkind = "reference"\n',
        encoding="utf-8",
    )
    return file


def test_without_a_store_a_spread_is_assumed(experiment: Path, invoke: Invoke) -> None:
    text = done(invoke("run", str(experiment), "--check"))
    assert "openai:strict: 12 tasks, 1 take: differences under about 0.77 can stay inconclusive" in text
    assert "Nothing is known of openai:strict here, so this is assumed" in text
    found = json.loads(done(invoke("run", str(experiment), "--check", "--json")))["resolution"]
    assert [(each["judge"], each["tasks"], each["runs"]) for each in found] == [
        ("openai:strict", 12, []),
        ("reference", 12, []),
    ]


def test_runs_that_the_judge_graded_tell_the_spread(experiment: Path, invoke: Invoke, tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    fill(store)
    spec = load(experiment).judges[0]
    with closing(open_store(store)) as opened:
        with opened.writing():
            judges.put(opened, 1, spec.label, fingerprint(spec), takes=1, settings={"kind": "openai"})
        given = {"FP16": BASELINE, "Q4_K_M": CANDIDATE}
        stores.grade(opened, 1, given, judge=spec.label, fingerprint=fingerprint(spec))
    [found, _] = json.loads(done(invoke("run", str(experiment), "--check", "--json")))["resolution"]
    assert (found["runs"], found["pairs"], found["same_tasks"]) == ([1], 1, True)
    assert found["sd"] == pytest.approx((6.25 / 11) ** 0.5, abs=0.001)
    assert "From 1 pair that openai:strict graded on the same tasks (run 1)" in found["sentence"]


def test_a_store_that_cannot_be_read_does_not_stop_the_check(experiment: Path, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("no store")
    assert "is assumed" in done(invoke("run", str(experiment), "--check"))
