"""What `qtui quantize` and `qtui bench` record of their work."""

from pathlib import Path

import pytest

from qtui.cli.quantization_job import Record
from qtui.store import open_store, quantization_jobs


def test_store_that_cannot_be_written_does_not_stop_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(tmp_path / "s.sqlite")
    record = Record(store, quantization_jobs.begin(store, "quantize", "m", ["Q4_K_M"]), "m", "m.gguf")
    store.execute("PRAGMA query_only = ON")
    record.file("Q4_K_M", tmp_path / "m-Q4_K_M.gguf", {})
    record.end("done")
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("the store cannot be written") == 2
    assert told.count("the job continues without it") == 2
