"""A chat endpoint on 127.0.0.1 that says what a test tells it to: real HTTP, real sockets, a scripted model."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Say = Callable[[str, int], "str | Failure"]
"""From the prompt and the number of the request (from 0) to the reply's text, or a failure."""


@dataclass(frozen=True)
class Failure:
    status: int
    body: dict[str, Any] | bytes = field(default_factory=dict)


@dataclass
class Endpoint:
    base_url: str
    prompts: list[str]
    bodies: list[dict[str, Any]]
    headers: list[dict[str, str]]


@contextmanager
def endpoint(say: Say) -> Iterator[Endpoint]:
    heard = Endpoint("", [], [], [])
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(heard.prompts)
                heard.prompts.append(request["messages"][-1]["content"])
                heard.bodies.append(request)
                heard.headers.append(dict(self.headers))
            said = say(request["messages"][-1]["content"], number)
            if isinstance(said, Failure):
                self._send(said.status, said.body)
            else:
                message = {"role": "assistant", "content": said}
                self._send(200, {"id": "x", "object": "chat.completion", "created": 0, "model": request["model"],
                                 "choices": [{"index": 0, "finish_reason": "stop", "message": message}]})  # fmt: skip

        def _send(self, status: int, body: dict[str, Any] | bytes) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            # The client waits this long before it tries again, so that a test of retries takes no seconds.
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    heard.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
