"""An endpoint with OpenAI's Batch API on 127.0.0.1, scripted by a test. It keeps its state in a file and can be started again."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Line = Mapping[str, Any]
"""What a batch's file says of a request, besides its custom_id: `{"response": …}` or `{"error": …}`."""
GRADE = '{"reason": "ok", "grade": 4}'


def said(text: str = GRADE, finish: str = "stop") -> Line:
    """A reply of the model."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 60}}
    choices = [{"index": 0, "finish_reason": finish, "message": message}]
    return {"response": {"status_code": 200, "body": {"choices": choices, "usage": usage}}, "error": None}


def refused(status: int, message: str) -> Line:
    return {"response": {"status_code": status, "body": {"error": {"message": message}}}, "error": None}


def lost(code: str, message: str = "This request could not be executed.") -> Line:
    return {"response": None, "error": {"code": code, "message": message}}


@dataclass(frozen=True)
class Work:
    """What becomes of one batch: its states at each look, the last one for good, and how many of its requests are replied to."""

    states: tuple[str, ...] = ("completed",)
    replied: int | None = None
    problems: Sequence[Mapping[str, Any]] = ()


@dataclass
class Script:
    """What the endpoint does. `say` gets the body of a request and how often its question was asked before."""

    say: Callable[[dict[str, Any], int], Line] = lambda _body, _times: said()
    works: tuple[Work, ...] = (Work(),)
    """Of the first, second … batch; the last one of all further ones."""
    direct: Callable[[dict[str, Any]], tuple[int, Any]] | None = None
    """Status and body of a request that is asked directly; None has no such route."""
    refuse: Callable[[str, str, int], tuple[int, Any] | None] = lambda _method, _path, _number: None
    """Status and body in place of what a request (its number from 0) would have done."""
    watch: Callable[[str, str, str], bool] = lambda _when, _method, _path: True
    """Called before a request is handled, and after that before it is replied to (`before`, `after`). False drops the request."""
    breaks: Callable[[str, str], bool] = lambda _method, _path: False
    """Whether the connection breaks after a request was handled, in place of its reply."""
    has_lists: bool = True


@dataclass
class BatchServer:
    file: Path
    script: Script
    base_url: str = ""
    requests: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """The keys of the requests, as sent."""

    @property
    def state(self) -> dict[str, Any]:
        empty: dict[str, Any] = {"files": {}, "batches": {}, "asked": {}, "direct": []}
        return json.loads(self.file.read_text()) if self.file.exists() else empty

    @property
    def asked(self) -> dict[str, int]:
        """How often each custom_id was worked on."""
        return dict(self.state["asked"])

    @property
    def batches(self) -> list[dict[str, Any]]:
        return list(self.state["batches"].values())

    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of all requests in uploaded files."""
        files = [each for each in self.state["files"].values() if each["purpose"] == "batch"]
        return [json.loads(line)["body"] for each in files for line in each["content"].splitlines()]


@contextmanager
def batch_server(file: Path, script: Script | None = None) -> Iterator[BatchServer]:
    served = BatchServer(file, script or Script())
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._handle("GET")

        def do_POST(self) -> None:
            self._handle("POST")

        def _handle(self, method: str) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path.removeprefix("/v1")
            query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
            if not served.script.watch("before", method, path):
                self.close_connection = True
                return
            with lock:
                number = len(served.requests)
                served.requests.append(f"{method} {path}")
                served.keys.append(self.headers.get("Authorization", ""))
                refusal = served.script.refuse(method, path, number)
                status, body = refusal or _reply(served, (method, path), query, content, self.headers)
            if not served.script.watch("after", method, path) or served.script.breaks(method, path):
                self.close_connection = True
                return
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("retry-after-ms", "1")
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True  # the other side was killed

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    served.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _reply(
    served: BatchServer, route: tuple[str, str], query: dict[str, str], content: bytes, headers: Any
) -> tuple[int, Any]:
    method, path = route
    state, script = served.state, served.script
    nothing = (404, {"error": {"message": f"no route {method} {path}"}})
    if path == "/chat/completions":
        if script.direct is None:
            return nothing
        state["direct"].append(json.loads(content))
        reply = script.direct(json.loads(content))
    elif (method, path) == ("POST", "/files"):
        reply = 200, _upload(state, content, headers)
    elif (method, path) in (("GET", "/files"), ("GET", "/batches")):
        reply = (200, _page(list(state[path[1:]].values()), query)) if script.has_lists else nothing
    elif match := re.fullmatch(r"/files/([^/]+)/content", path):
        found = state["files"].get(match[1])
        reply = (200, found["content"].encode()) if found else nothing
    elif (method, path) == ("POST", "/batches"):
        reply = 200, _create(state, json.loads(content))
    elif match := re.fullmatch(r"/batches/([^/]+)(/cancel)?", path):
        if match[1] not in state["batches"]:
            return nothing
        reply = 200, _look(state, script, state["batches"][match[1]], is_cancelled=bool(match[2]))
    else:
        return nothing
    served.file.write_text(json.dumps(state))
    return reply


def _upload(state: dict[str, Any], content: bytes, headers: Any) -> dict[str, Any]:
    boundary = headers["Content-Type"].partition("boundary=")[2].strip('"').encode()
    parts = [part.partition(b"\r\n\r\n") for part in content.split(b"--" + boundary)[1:-1]]
    named = {re.search(rb'name="([^"]+)"', head)[1].decode(): (head, body[:-2]) for head, _, body in parts}  # type: ignore[index]
    name = re.search(rb'filename="([^"]+)"', named["file"][0])[1].decode()  # type: ignore[index]
    return _put_file(state, name, named["file"][1].decode(), named["purpose"][1].decode())


def _put_file(state: dict[str, Any], name: str, content: str, purpose: str) -> dict[str, Any]:
    entry = {"id": f"file-{len(state['files'])}", "object": "file", "filename": name, "purpose": purpose}
    state["files"][entry["id"]] = entry | {"content": content}
    return entry


def _page(entries: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    newest = [{name: value for name, value in each.items() if name != "content"} for each in reversed(entries)]
    ids = [each["id"] for each in newest]
    start = ids.index(query["after"]) + 1 if "after" in query else 0
    end = start + min(2, int(query.get("limit", 20)))  # short pages, as few endpoints have
    return {"object": "list", "data": newest[start:end], "has_more": end < len(newest)}


def _create(state: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    number = len(state["batches"])
    batch = {
        "id": f"batch_{number}", "object": "batch", "status": "validating", "looks": 0, "number": number,
        "input_file_id": asked["input_file_id"], "endpoint": asked["endpoint"],
        "completion_window": asked["completion_window"], "metadata": asked.get("metadata"),
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
    }  # fmt: skip
    state["batches"][batch["id"]] = batch
    return batch


def _look(state: dict[str, Any], script: Script, batch: dict[str, Any], *, is_cancelled: bool) -> dict[str, Any]:
    if batch["status"] in ("completed", "failed", "expired", "cancelled"):
        return batch
    work = script.works[min(batch["number"], len(script.works) - 1)]
    if is_cancelled:
        _end(state, script, batch, Work(("cancelled",), replied=work.replied or 0))
        return batch
    status = work.states[min(batch["looks"], len(work.states) - 1)]
    batch["looks"] += 1
    if status in ("completed", "failed", "expired", "cancelled"):
        _end(state, script, batch, Work((status,), work.replied, work.problems))
    else:
        batch["status"] = status
    return batch


def _end(state: dict[str, Any], script: Script, batch: dict[str, Any], work: Work) -> None:
    batch["status"] = work.states[0]
    if batch["status"] == "failed":
        batch["errors"] = {"object": "list", "data": list(work.problems)}
        return
    requests = [json.loads(line) for line in state["files"][batch["input_file_id"]]["content"].splitlines()]
    worked_on = len(requests) if work.replied is None else work.replied
    output: list[str] = []
    errors: list[str] = []
    for number, request in enumerate(requests):
        key = request["custom_id"]
        if number >= worked_on:
            line = lost("batch_expired" if batch["status"] == "expired" else "batch_cancelled")
        else:
            line = script.say(request["body"], state["asked"].get(key, 0))
            state["asked"][key] = state["asked"].get(key, 0) + 1
        is_ok = bool(line.get("response")) and line["response"]["status_code"] == 200
        (output if is_ok else errors).append(json.dumps({"id": f"r{number}", "custom_id": key} | dict(line)))
    batch["request_counts"] = {"total": len(requests), "completed": len(output), "failed": len(errors)}
    for name, lines in (("output_file_id", output), ("error_file_id", errors)):
        if lines:
            entry = _put_file(state, f"{batch['id']}_{name}.jsonl", "\n".join(lines) + "\n", "batch_output")
            batch[name] = entry["id"]
