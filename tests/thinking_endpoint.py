"""An OpenAI-compatible server on 127.0.0.1 that always sends one reply, and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Endpoint:
    message: dict[str, Any]
    reason: str = "stop"
    usage: dict[str, Any] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def reply(self) -> bytes:
        choice = {"index": 0, "finish_reason": self.reason, "message": {"role": "assistant", **self.message}}
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, **self.usage}
        body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
        return json.dumps(body).encode()


@contextmanager
def served(message: dict[str, Any], reason: str = "stop", **usage: Any) -> Iterator[Endpoint]:
    """An endpoint that sends this message."""
    endpoint = Endpoint(message, reason, usage)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            endpoint.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            data = endpoint.reply()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
