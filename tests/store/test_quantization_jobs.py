import socket
from pathlib import Path

import pytest

from qtui.store import Store, open_store, quantization_jobs
from qtui.store.schema import MIGRATIONS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "s.sqlite")


def test_facts_of_a_file_are_added_to_those_known(store: Store) -> None:
    path = Path("/d/m-Q4_K_M.gguf")
    quantization_jobs.put(store, "m", "Q4_K_M", path, {"file_bytes": 5, "bits": 4.8})
    quantization_jobs.put(store, "m", "Q4_K_M", path, {"bits": 4.84, "speed": 12.5})
    [file] = quantization_jobs.files(store)
    assert file.facts == {"file_bytes": 5, "bits": 4.84, "speed": 12.5}
    assert (file.model, file.type, file.path, file.host) == ("m", "Q4_K_M", path, socket.gethostname())


def test_files_of_a_model_come_the_largest_first(store: Store) -> None:
    for name, size in (("Q2_K", 2), ("F16", 16), ("Q8_0", 8)):
        quantization_jobs.put(store, "m", name, Path(f"/d/{name}.gguf"), {"file_bytes": size})
    assert [file.type for file in quantization_jobs.files(store)] == ["F16", "Q8_0", "Q2_K"]


def test_work_of_this_process_goes_on_until_it_says_how_it_ended(store: Store) -> None:
    first = quantization_jobs.begin(store, "quantize", "m", ["Q4_K_M", "Q8_0"])
    quantization_jobs.report(store, first, "quantizing to Q4_K_M", 0.25)
    [work] = quantization_jobs.jobs(store)
    assert (work.state, work.phase, work.fraction, work.types) == (
        "running",
        "quantizing to Q4_K_M",
        0.25,
        ("Q4_K_M", "Q8_0"),
    )
    quantization_jobs.end(store, first, "failed", "no room")
    [work] = quantization_jobs.jobs(store)
    assert (work.state, work.phase, work.fraction, work.reason) == ("failed", "", None, "no room")


def test_work_of_a_process_that_is_gone_is_interrupted(store: Store) -> None:
    gone = quantization_jobs.begin(store, "bench", "m", [])
    store.execute("UPDATE making SET pid_started = pid_started - 100 WHERE id = ?", (gone,))
    assert quantization_jobs.jobs(store)[0].state == "interrupted"


def test_only_the_latest_work_is_remembered(store: Store) -> None:
    for number in range(quantization_jobs.MAX_JOBS + 5):
        quantization_jobs.begin(store, "bench", f"m{number}", [])
    assert [len(quantization_jobs.jobs(store)), quantization_jobs.jobs(store)[0].model] == [
        quantization_jobs.MAX_JOBS,
        f"m{quantization_jobs.MAX_JOBS + 4}",
    ]


def test_a_store_from_before_gets_the_tables_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtui.store import connection

    before = next(i for i, script in enumerate(MIGRATIONS) if "CREATE TABLE making" in script)
    with monkeypatch.context() as patch:
        patch.setattr(connection, "MIGRATIONS", MIGRATIONS[:before])
        old = open_store(tmp_path / "old.sqlite")
        old.execute("INSERT INTO task_set (hash, name) VALUES ('h', 'kept')")
        old.close()
    new = open_store(tmp_path / "old.sqlite")
    assert new.execute("SELECT name FROM task_set").fetchone()[0] == "kept"
    assert (quantization_jobs.files(new), quantization_jobs.jobs(new)) == ([], [])
