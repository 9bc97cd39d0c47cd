"""Makes a store by the code of an earlier commit: `python -m tests.store.make_landed CHECKOUT SCHEMA` in an empty folder.

CHECKOUT has the folders `qtui` and `data` of that commit (`git archive COMMIT qtui data | tar -x -C CHECKOUT`). Its own commands
run an experiment with llama.cpp and with models at an endpoint (one writes thoughts), ask a judge, import a study, and compare
token by token and score where they can; its own functions write a grade of a person and a note. What is left in the folder is
`schema-SCHEMA.sqlite.gz`, the file as that code left it, and `schema-SCHEMA.json`, the means that it printed.

The folder's path, the host's name and facts about the processor are in the store, so make it in a folder such as `/tmp/landed`, as
`unshare -Ur --uts sh -c 'hostname landed; …'`.
"""

import gzip
import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.exchange.study_tree import put_grades, put_lines, put_variant
from tests.store.test_made_stores import means

PORT = 18431  # fixed: it is part of the stored settings
TASKS = [
    {"input": "りんごを三つ数えてください。", "output": "一つ、二つ、三つ"},
    {"input": "犬の鳴き声は何ですか。", "output": "ワン"},
    {"input": "1 + 2 は?", "output": "3"},
]
EXPERIMENT = f"""
name = "landed"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 12
[[models]]
name = "demo-ja"
  [[models.variants]]
  name = "F16"
  engine = "llama.cpp"
  weights = "demo"
  [[models.variants]]
  name = "Q2_K"
  engine = "llama.cpp"
  weights = "demo"
[[models]]
name = "thinker"
  [[models.variants]]
  name = "large"
  engine = "openai"
  weights = "large"
  base_url = "http://127.0.0.1:{PORT}/v1"
  [[models.variants]]
  name = "small"
  engine = "openai"
  weights = "small"
  base_url = "http://127.0.0.1:{PORT}/v1"
[[judges]]
kind = "reference"
[[judges]]
kind = "openai"
model = "grader"
base_url = "http://127.0.0.1:{PORT}/v1"
takes = 2
"""
BY_A_PERSON = """
import sys
from pathlib import Path
from qtui.store import grades, notes, open_store
store = open_store(Path(sys.argv[1]))
row = store.execute("SELECT answer_id, task_id FROM variant_answer ORDER BY variant_id, task_id").fetchone()
grades.commit_human(store, grades.Place(row[0], row[1]), 4, "by a person")
notes.put(store, 1, "demo-ja", 2, notes.Note(True, "look again"))
store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""


class Endpoint(BaseHTTPRequestHandler):
    """Two models, of which one writes thoughts, and a judge whose grade depends on the question alone."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = body["messages"][-1]["content"]
        text = {
            "large": "<think>\nまず数える。\n</think>\n\n答えは三つです。",
            "small": f"答えは{len(asked)}です。",
            "grader": json.dumps({"reason": "理由", "grade": 1 + len(asked) % 5}, ensure_ascii=False),
        }[body["model"]]
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": len(asked), "completion_tokens": len(text), "total_tokens": len(asked) + len(text)}
        reply = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], "usage": usage}
        data = json.dumps(reply | {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    checkout, schema = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = Path.cwd()
    store = folder / "landed.sqlite"
    _write_inputs(folder)
    run = _Commands(checkout, store)
    run.qtui("run", "landed.toml")
    run.qtui("import", "gpt4-autoeval", "assets")
    if schema >= 2:
        run.qtui("divergence", "--model", "demo-ja")
    if schema >= 11:
        run.qtui("score", "1", "--kind", "last_number")
    run.python("-c", BY_A_PERSON, str(store))
    printed = {"means": means(json.loads(run.qtui("scores", "--json")))}
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema,)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    name = f"schema-{schema}"
    (folder / f"{name}.sqlite.gz").write_bytes(gzip.compress(store.read_bytes(), mtime=0))
    text = json.dumps(printed, ensure_ascii=False) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    server.shutdown()


def _write_inputs(folder: Path) -> None:
    put_lines(folder / "tasks.jsonl", *TASKS)
    (folder / "landed.toml").write_text(EXPERIMENT, encoding="utf-8")
    study = folder / "assets" / "org"
    put_grades(put_variant(study / "pet-7b", "猫", "犬"), "result.jsonl", 5, 4)
    put_variant(study / "pet-7b-gguf-q4km-hf", "猫", "<think>犬か")
    judged = put_variant(study / "pet-7b_cmdr+", "猫", "犬")
    put_grades(judged, "result_take1.jsonl", 3, 2)
    put_grades(judged, "result_take2.jsonl", 4, None)


class _Commands:
    """Programs of the earlier commit, with folders of their own."""

    def __init__(self, checkout: Path, store: Path) -> None:
        self._store = store
        homes = {f"XDG_{name}_HOME": str(store.parent / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "STATE")}
        self._environment = {**os.environ, **homes, "PYTHONPATH": str(checkout), "OPENAI_API_KEY": "none"}

    def qtui(self, *arguments: str) -> str:
        return self.python("-m", "qtui", "--store", str(self._store), *arguments)

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self._environment,
            cwd=self._store.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{arguments[:4]}: {done.stderr}")
        return done.stdout


if __name__ == "__main__":
    main()
