"""A chat endpoint on 127.0.0.1 that says what a test tells it to: real HTTP, real sockets, a scripted model."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Say = Callable[[str, int], "str | Said | Failure | Broken"]
"""From the prompt and the number of the request (from 0) to the reply's text, or to what comes in place of it."""


@dataclass(frozen=True)
class Said:
    """A reply with what the endpoint counts, and its headers."""

    text: str
    usage: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    status: int
    body: dict[str, Any] | bytes = field(default_factory=dict)
    headers: dict[str, str] | None = None
    """None lets the client try again at once."""


@dataclass(frozen=True)
class Broken:
    """A connection that is closed in place of a reply, or in the middle of it, after some seconds."""

    sent: bytes = b""
    seconds: float = 0.0


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
            if isinstance(said, Broken):
                self._break(said)
            elif isinstance(said, Failure):
                # The client waits this long before it tries again, so that a test of retries takes no seconds.
                self._send(said.status, said.body, {"retry-after-ms": "1"} if said.headers is None else said.headers)
            else:
                said = Said(said) if isinstance(said, str) else said
                message = {"role": "assistant", "content": said.text}
                usage = {"usage": said.usage} if said.usage is not None else {}
                self._send(200, {"id": "x", "object": "chat.completion", "created": 0, "model": request["model"],
                                 "choices": [{"index": 0, "finish_reason": "stop", "message": message}]} | usage,
                           said.headers)  # fmt: skip

        def _send(self, status: int, body: dict[str, Any] | bytes, headers: dict[str, str]) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def _break(self, broken: Broken) -> None:
            threading.Event().wait(broken.seconds)
            if broken.sent:
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(broken.sent)
            self.close_connection = True

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
