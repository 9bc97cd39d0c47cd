"""An endpoint that repeats the key or the password that it got: afterwards neither is in any file, nor was it on any stream.

Real commands against a real server; then every byte that they left is searched.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from qtui.experiment import experiment
from qtui.run_progress import RunSummary
from qtui.runner import start
from qtui.store import answers, open_store, runs
from qtui.tasks import load_task_set
from tests.echoing_endpoint import ANSWERS, ERRORS, GRADES, NO_ANSWERS, Echoing, echoing_endpoint

KEY = "sk-canary/8Xq+27_Zr~LwTe=="
PASSWORD = "canary p@ss/wörd#7&<9>"
TASKS = '{"input": "一つ", "reference": "1", "criteria": ""}\n'


@pytest.fixture
def served() -> Iterator[Echoing]:
    with echoing_endpoint() as echoing:
        yield echoing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the user stands: a task set. The store, logs and exports are below it too."""
    (tmp_path / "tasks.jsonl").write_text(TASKS)
    return tmp_path


def qtui(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """A command whose streams are kept beside the files, to be searched with them."""
    done = subprocess.run(
        [sys.executable, "-m", "qtui", *arguments],
        capture_output=True,
        timeout=240,
        check=False,
        cwd=folder,
        env={**os.environ, "OPENAI_LOG": "debug", **environment},
    )
    number = len(list(folder.glob("stream-*")))
    (folder / f"stream-{number}").write_bytes(done.stdout + done.stderr)
    return done


def toml(name: str, variants: dict[str, str], judges: dict[str, str], more: str = "") -> str:
    """`variants` and `judges` are name → address."""
    lines = [f'name = "{name}"', 'tasks = "tasks.jsonl"', "[[models]]", 'name = "m"']
    for variant, address in variants.items():
        lines += ["[[models.variants]]", f'name = "{variant}"', 'engine = "openai"', 'weights = "w"']
        lines += [f'base_url = "{address}"', "slots = 1", more]
    for judge, address in judges.items():
        lines += ["[[judges]]", 'kind = "openai"', f'model = "{judge}"', f'base_url = "{address}"', more]
    return "\n".join(lines) + "\n"


def look_at_everything(folder: Path) -> None:
    """What a user does with a store afterwards."""
    for subject in ("answers", "grades"):
        for form in ("csv", "jsonl", "parquet"):
            qtui(folder, "export", subject, "--format", form, "--output", f"{subject}.{form}")
    qtui(folder, "runs")
    qtui(folder, "runs", "--json")
    qtui(folder, "compare", "1", "--full")
    qtui(folder, "scores")


def forms(secret: str) -> set[bytes]:
    """A secret as it must not be places in a file, spelled out here once more by hand."""
    data = secret.encode()
    places = {data, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(), data.hex().encode()}
    places |= {"".join(f"\\u{ord(c):04x}" for c in secret).encode(), "".join(f"&#{ord(c)};" for c in secret).encode()}
    places |= {"".join(f"%{byte:02X}" for byte in data).encode(), secret.replace("/", "\\/").encode()}
    for before in range(3):
        # Without the first and last characters, which belong to the neighbours too.
        encoded = base64.b64encode(b"." * before + data)
        places |= {encoded[4:-4], encoded[4:-4].replace(b"+", b"-").replace(b"/", b"_")}
    return places


def leaks(folder: Path, *secrets: str) -> list[str]:
    wanted = set().union(*(forms(secret) for secret in secrets))
    places = []
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        places += [f"{path.relative_to(folder)}: {form!r}" for form in wanted if form in data]
    return places


def summary(folder: Path) -> RunSummary:
    with closing(open_store(create=False)) as store:
        return runs.summaries(store)[0]


def test_a_key_that_variants_repeat_is_nowhere(served: Echoing, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ways = [*ANSWERS, *NO_ANSWERS, *ERRORS]
    (folder / "e.toml").write_text(toml("e", {way: served.address(way) for way in ways}, {}))
    qtui(folder, "run", "e.toml")
    look_at_everything(folder)
    assert f"Bearer {KEY}" in served.headers, "the endpoint did get it"
    states = {variant.name: (variant.state, variant.answered) for variant in summary(folder).variants}
    assert {way: states[way] for way in ANSWERS if way != "as-a-list"} == dict.fromkeys(
        [way for way in ANSWERS if way != "as-a-list"], ("done", 1)
    )
    assert {states[way] for way in (*NO_ANSWERS, *ERRORS)} == {("failed", 0)}
    assert leaks(folder, KEY) == []


def test_a_key_that_judges_repeat_is_nowhere(served: Echoing, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIRS", KEY)
    ways = [*GRADES, *NO_ANSWERS, *ERRORS]
    judges = {way: served.address(way) for way in ways}
    (folder / "e.toml").write_text(toml("e", {"answer": served.address("answer")}, judges, 'api_key_env = "THEIRS"'))
    qtui(folder, "run", "e.toml")
    look_at_everything(folder)
    graded = {judge.label.removeprefix("openai:"): judge.graded + judge.ungraded for judge in summary(folder).judges}
    assert {way: graded[way] for way in GRADES} == dict.fromkeys(GRADES, 1)
    assert leaks(folder, KEY) == []


def test_a_key_that_an_added_judge_repeats_is_nowhere(
    served: Echoing, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (folder / "e.toml").write_text(toml("e", {"answer": served.address("answer")}, {}))
    qtui(folder, "run", "e.toml")
    for way in ("grade-reason", "ungraded", "401-json", "400-after-many-words", "502-page", "page"):
        qtui(folder, "judge", "openai", "--model", way, "--base-url", served.address(way))
    look_at_everything(folder)
    assert len(summary(folder).judges) == 6
    assert leaks(folder, KEY) == []


def test_a_password_of_an_address_is_taken_from_the_environment_and_is_nowhere(
    served: Echoing, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORD_OF_THE_GATE", PASSWORD)
    user = "me:${WORD_OF_THE_GATE}"
    variants = {
        way: served.address(way, user) for way in ("plainly", "in-base64", "page", "400-json", "502-page", "answer")
    }
    judges = {way: served.address(way, user) for way in ("grade-reason", "grade-base64", "401-json", "ungraded")}
    (folder / "e.toml").write_text(toml("e", variants, judges))
    qtui(folder, "run", "e.toml")
    qtui(folder, "judge", "openai", "--model", "added", "--base-url", served.address("grade-reason", user))
    look_at_everything(folder)
    basic = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    assert set(served.headers) == {f"Basic {basic}"}
    assert leaks(folder, PASSWORD, f"me:{PASSWORD}") == []
    with closing(open_store(create=False)) as store:
        assert "${WORD_OF_THE_GATE}" in runs.definition(store, 1)
        texts = [row["text"] for row in answers.rows(store, [1])]
    assert any("[removed: $WORD_OF_THE_GATE]" in text for text in texts), texts


def test_a_password_in_a_proxys_address_is_nowhere(
    served: Echoing, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint stands in for the proxy, which gets the password and may repeat it."""
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, served.origin.replace("//", f"//me:{quote(PASSWORD, safe='')}@"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    (folder / "e.toml").write_text(toml("e", {"x": "http://model.invalid/400-json/v1"}, {}))
    qtui(folder, "run", "e.toml", OPENAI_API_KEY="k")
    assert "refused the request (400)" in summary(folder).variants[0].reason
    assert served.headers == ["Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()]
    assert leaks(folder, PASSWORD, f"me:{PASSWORD}") == []


def test_a_run_of_an_older_qtui_with_a_password_in_its_address_is_resumed_and_shows_it_nowhere(
    served: Echoing, folder: Path
) -> None:
    address = served.address("400-json", f"me:{quote(PASSWORD, safe='')}")
    text = toml("old", {"x": address}, {"j": address})
    with closing(open_store()) as store:
        tasks = load_task_set("tasks.jsonl", base=folder)
        start.add(store, experiment.parse(text, folder / "e.toml", stored_tasks=tasks))
    done = qtui(folder, "resume", "1")
    look_at_everything(folder)
    assert "me:***@" in done.stderr.decode()
    assert served.headers, "it was asked"
    with closing(open_store(create=False)) as store:
        store.execute("UPDATE run SET definition = '', reason = reason")
        store.execute("UPDATE judge SET settings = '{}'")
        store.execute("VACUUM")
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert leaks(folder, PASSWORD) == [], "but in what the older qtui wrote"
