"""An endpoint or proxy on 127.0.0.1 that repeats the Authorization header of a request, in as many ways as servers do.

The way is the first part of the path: `http://127.0.0.1:PORT/WAY/v1`.
"""

import base64
import html
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit


@dataclass(frozen=True)
class Reply:
    body: bytes
    status: int = 200
    kind: str = "application/json"
    reason: str | None = None
    """Of the status line."""
    headers: dict[str, str] = field(default_factory=dict)


def chat(text: object, **changes: object) -> Reply:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    for name, value in changes.items():
        (choice if name in choice else body)[name] = value
    return Reply(json.dumps(body).encode())


def grade(reason: str) -> Reply:
    return chat(json.dumps({"reason": reason, "grade": 4}, ensure_ascii=False))


def error(status: int, message: str, **more: object) -> Reply:
    return Reply(json.dumps({"error": {"message": message, **more}}).encode(), status)


def as_numbers(text: str) -> str:
    """The body of a JSON string with every character as its number."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ANSWERS: dict[str, Callable[[str], Reply]] = {
    "plainly": lambda header: chat(f"you sent {header}, thanks"),
    "twice-in-one-answer": lambda header: chat(f"{header} {header}"),
    "in-a-long-answer": lambda header: chat("あ" * 3000 + header + "い" * 3000),
    "percent-encoded": lambda header: chat(f"?key={quote(header, safe='')}"),
    "every-character-percent-encoded": lambda header: chat("".join(f"%{byte:02X}" for byte in header.encode())),
    "as-numbers-of-json": lambda header: Reply(chat("HERE").body.replace(b"HERE", as_numbers(header).encode())),
    "as-json-in-json": lambda header: chat(json.dumps({"body": '{"a": "' + as_numbers(header).replace("/", "\\/") + '"}'})),
    "in-base64": lambda header: chat(f"token {encoded(header)} end"),
    "in-base64-of-a-page": lambda header: chat(encoded(f"<p>{header}</p>")),
    "in-base64-for-urls": lambda header: chat(base64.urlsafe_b64encode(f"a{header}".encode()).decode()),
    "in-hexadecimal": lambda header: chat(header.encode().hex()),
    "as-html": lambda header: chat("".join(f"&#{ord(character)};" for character in header) + html.escape(header)),
    "as-the-finish-reason": lambda header: chat("text", finish_reason=header),
    "as-the-model": lambda header: chat("text", model=header),
    "as-the-counts": lambda header: chat("text", usage={"prompt_tokens": header, "completion_tokens": [header]}),
    "as-a-list": lambda header: chat([{"type": "text", "text": header}]),
    "half-a-character": lambda header: Reply(chat("HERE").body.replace(b"HERE", b"\\ud83d" + header.encode())),
}  # fmt: skip
"""Ways to repeat it with status 200 in the form of an answer."""

NO_ANSWERS: dict[str, Callable[[str], Reply]] = {
    "page": lambda header: Reply(f"<html><body>{header}</body></html>".encode(), kind="text/html"),
    "json-string": lambda header: Reply(json.dumps(header).encode()),
    "json-list": lambda header: Reply(json.dumps([header]).encode()),
    "cut-off": lambda header: Reply(b'{"choices": "' + header.encode()),
    "stream": lambda header: Reply(f"data: {header}\n\ndata: [DONE]\n\n".encode(), kind="text/event-stream"),
    "no-choices": lambda header: chat("x", choices=[], model=header),
    "binary": lambda header: Reply(b"\xff\xfe\x00" + header.encode()),
}
"""Status 200 and no answer."""

ERRORS: dict[str, Callable[[str], Reply]] = {
    "400-json": lambda header: error(400, f"bad header {header}", code=header, type=header, param=header),
    "400-text": lambda header: Reply(f"bad header {header}".encode(), 400, "text/plain"),
    "400-after-many-words": lambda header: error(400, "x" * 190 + header),
    "400-base64": lambda header: error(400, encoded(header)),
    "401-json": lambda header: error(401, f"Incorrect API key provided: {header}"),
    "403-page": lambda header: Reply(f"<h1>{header}</h1>".encode(), 403, "text/html"),
    "404-json": lambda header: error(404, header),
    "422-reason-phrase": lambda header: Reply(b"{}", 422, reason=f"no {header}"),
    "429-json": lambda header: error(429, header),
    "502-page": lambda header: Reply(f"<html>upstream got {html.escape(header)}</html>".encode(), 502, "text/html"),
    "500-headers": lambda header: Reply(
        b"", 500, headers={"X-Request-Id": header, "Retry-After": header, "Location": header}
    ),
    "302-location": lambda header: Reply(
        b"", 302, headers={"Location": f"/400-text/{quote(header)}?token={quote(header)}"}
    ),
}

GRADES: dict[str, Callable[[str], Reply]] = {
    "grade-reason": lambda header: grade(f"you sent {header}"),
    "grade-as-numbers": lambda header: chat('{"grade": 4, "reason": "' + as_numbers(header) + '"}'),
    "grade-base64": lambda header: grade(encoded(f"key: {header}")),
    "grade-list": lambda header: chat(json.dumps({"grade": 4, "reason": [header]})),
    "ungraded": lambda header: chat(f"ten points for {header}"),
}
"""What a judge says."""

WAYS = ANSWERS | NO_ANSWERS | ERRORS | GRADES | {"answer": lambda _: chat("答え")}


@dataclass
class Echoing:
    origin: str
    headers: list[str]
    """The Authorization headers that came, or those for the proxy."""

    def address(self, way: str, user: str = "") -> str:
        return f"{self.origin.replace('//', f'//{user}@' if user else '//')}/{way}/v1"


@contextmanager
def echoing_endpoint() -> Iterator[Echoing]:
    served = Echoing("", [])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._reply()

        def _reply(self) -> None:
            header = self.headers["Proxy-Authorization"] or self.headers["Authorization"]
            served.headers.append(header)
            reply = WAYS[urlsplit(self.path).path.split("/")[1]](header)
            self.send_response(reply.status, reply.reason)
            for name, value in {"Content-Type": reply.kind, "retry-after-ms": "1", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    served.origin = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
