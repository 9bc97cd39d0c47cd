"""A hub that repeats the token that it got, in what an error says and in the words of the status line."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub", reason="huggingface_hub is in the engines extra, which is not installed")

TOKEN = "hf_canary0123456789"

WEIGHTS = "from qtui.engines.weights import hub; hub.folder('org/model', print)"
TASKS = "from qtui.tasks import load_task_set; load_task_set('hf:org/tasks')"
ASK = """
import sys
from qtui.secrets import redaction
from qtui.errors import UserError
with redaction.guarded_streams():
    try:
        {asking}
    except UserError as error:
        print(error)
"""


class Hub(ThreadingHTTPServer):
    headers: list[str]


@pytest.fixture
def hub() -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            header = self.headers.get("Authorization", "")
            server.headers.append(header)
            self.send_response(418, f"no {header}")
            for name in ("X-Error-Message", "X-Request-Id", "X-HF-Warning"):
                self.send_header(name, f"Test; you sent {header}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = Hub(("127.0.0.1", 0), Handler)
    server.headers = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kept_in", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "a file"])
@pytest.mark.parametrize("asking", [WEIGHTS, TASKS], ids=["weights", "tasks"])
def test_a_token_that_the_hub_repeats_is_not_shown(asking: str, kept_in: str, hub: Hub, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": str(tmp_path)}
    if kept_in == "a file":
        (tmp_path / "token").write_text(TOKEN)
    else:
        environment[kept_in] = TOKEN
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(asking=asking)], capture_output=True, text=True, env=environment, check=True
    )
    assert f"Bearer {TOKEN}" in hub.headers
    assert "org/" in done.stdout, "it says what could not be fetched"
    assert TOKEN not in done.stdout + done.stderr
