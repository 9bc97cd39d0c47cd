"""Lone surrogates and NUL, from endpoints and files, through the store and the exports: no failure, and no change but U+FFFD.

JSON can name half a character ("\\ud800"), and UTF-8 cannot, so neither a store nor a message can have it: it becomes
U+FFFD. NUL is a character like any other, and stays.
"""

import asyncio
import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet
import pytest

from qtui.engines import openai as openai_engine
from qtui.engines.protocol.answering import Answered, Prompt, Request, encode
from qtui.exchange import export
from qtui.judges import create_judge
from qtui.judges.protocol import Question
from qtui.records import Answer, JudgeSpec, Sampling, Thoughts, VariantSpec, content_hash
from qtui.store import new_runs, open_store
from qtui.tasks import load_task_set
from tests import stores

SENT = "a\x00b\ud800c\x00\udfff"
KEPT = "a\x00b\ufffdc\x00\ufffd"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An endpoint on 127.0.0.1 whose every text has both; to a judge it gives the grade 3."""
    monkeypatch.setenv("OPENAI_API_KEY", "not-needed")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_judge = asked["model"] == "judge"
            text = json.dumps({"reason": SENT, "grade": 3}) if is_judge else SENT
            message = {"role": "assistant", "content": text, "reasoning_content": SENT}
            body = {"id": SENT, "model": SENT, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def answered(address: str) -> Answered:
    variant = VariantSpec("m", "served", "openai", "model", "served", base_url=address)
    requests = [Request(0, Prompt("q", bos=False), Sampling(max_tokens=4))]
    [given] = [
        each
        for each in openai_engine.load_engine(variant, requests).answer(requests)
        if isinstance(each, Answered)
    ]  # fmt: skip
    return given


def test_an_answer_with_half_a_character_and_nul_is_sent_to_the_runner(served: str) -> None:
    given = answered(served)
    assert given.text == KEPT
    assert given.thoughts is not None
    assert given.thoughts.text == KEPT
    assert json.loads(encode(given))["text"] == KEPT


def test_a_reason_with_half_a_character_and_nul_is_stored_with_its_grade(served: str) -> None:
    judge = create_judge(JudgeSpec(kind="openai", model="judge", base_url=served))

    async def ask() -> tuple[int | None, str]:
        try:
            reply = await judge.grade(Question(KEPT, "r", "c", KEPT), 1)
        finally:
            await judge.close()
        return reply.grade, reply.reason

    assert asyncio.run(ask()) == (3, KEPT)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of one task, answer and grade with odd characters in every text; task and name came from a file."""
    (tmp_path / "t.jsonl").write_text(json.dumps({"input": SENT, "output": SENT, "eval_aspect": SENT}) + "\n")
    tasks = load_task_set("t.jsonl", base=tmp_path)
    assert (tasks.tasks[0].input, tasks.tasks[0].reference) == (KEPT, KEPT)
    path = tmp_path / "s.sqlite"
    with closing(open_store(path)) as opened:
        run_id = stores.new_run(
            opened,
            KEPT,
            tasks,
            stores.variants(tasks, (KEPT,), KEPT, baseline=KEPT),
            judges=[new_runs.NewJudge(KEPT, 1, "f", {})],
        )
        thoughts = Thoughts(KEPT, whole=KEPT)
        stores.answer_all(
            opened, run_id, lambda v, n, _: Answer(content_hash(v.name, n), KEPT, "stop", thoughts=thoughts)
        )
        stores.grade(opened, run_id, {KEPT: [3]}, judge=KEPT, reasons=KEPT)
    return path


def test_every_text_comes_out_of_the_store_as_it_went_in_in_every_exact_form(store: Path) -> None:
    for table, name in ((export.answer_rows(store, (1,)), "text"), (export.grade_rows(store, (1,)), "reason")):
        [row] = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        assert (row["model"], row["variant"], row[name]) == (KEPT, KEPT, KEPT)
        assert json.loads(export.encode(table, "jsonl")) == row
        assert pyarrow.parquet.read_table(io.BytesIO(export.encode(table, "parquet"))).to_pylist() == [row]
        [by_csv] = csv.DictReader(io.StringIO(export.encode(table, "csv").decode(), newline=""))
        assert (by_csv["model"], by_csv[name]) == (KEPT, KEPT)
        assert "a b" not in export.encode(table, "md").decode()


def test_an_exported_task_file_is_read_again_with_the_same_texts(store: Path, tmp_path: Path) -> None:
    table = export.answer_rows(store, (1,))
    place = table.columns.index("text")
    lines = [json.dumps({"input": row[place]}) for row in table.rows]
    (tmp_path / "again.jsonl").write_text("\n".join(lines))
    assert load_task_set("again.jsonl", base=tmp_path).tasks[0].input == KEPT
