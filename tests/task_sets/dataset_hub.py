"""A hub on 127.0.0.1 with data sets: as much of its HTTP interface as `datasets` and `huggingface_hub` need to load them."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""The newest. A request for another commit gets the same files under that commit's name: the sets of qtui name theirs."""


class DatasetHub:
    """Serves `repos`: name of a data set → folder. `requests` are the method and path of each request."""

    def __init__(self, repos: dict[str, Path]) -> None:
        self.repos = repos
        self.requests: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._reply({})

            def do_GET(self) -> None:
                self._reply({})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                is_json = body.lstrip().startswith("{")
                self._reply(json.loads(body) if is_json else parse_qs(body))

            def _reply(self, asked: dict[str, Any]) -> None:
                path = unquote(urlparse(self.path).path).strip("/")
                hub.requests.append(f"{self.command} {path}")
                status, headers, data = hub.answer(path, asked)
                self.send_response(status)
                for name, value in {
                    "X-Repo-Commit": _commit(path),
                    "Content-Length": str(len(data)),
                    **headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        for repo, folder in self.repos.items():
            if path.startswith(f"api/datasets/{repo}"):
                return _listing(repo, folder, path.removeprefix(f"api/datasets/{repo}").strip("/"), asked)
            if path.startswith(f"datasets/{repo}/resolve/"):
                return _file(folder / path.removeprefix(f"datasets/{repo}/resolve/").partition("/")[2])
        return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"


def _listing(repo: str, folder: Path, what: str, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [str(path.relative_to(folder)) for path in files]
    if what.startswith(("parquet", "compromised")):
        return 404, {"X-Error-Code": "EntryNotFound"}, b"{}"
    said: Any
    if what.startswith("tree/"):
        under = what.split("/", 2)[2] if what.count("/") > 1 else ""
        said = [_entry(folder, name) for name in names if name.startswith(under)]
    elif what.startswith("paths-info/"):
        said = [_entry(folder, name) for name in asked["paths"] if name in names]
    else:
        said = {"id": repo, "sha": _commit(what), "siblings": [{"rfilename": name} for name in names], "tags": []}
        said |= {"private": False, "downloads": 0, "likes": 0, "disabled": False, "gated": False}
    return 200, {"Content-Type": "application/json"}, json.dumps(said).encode()


def _commit(path: str) -> str:
    asked = re.search(r"\b[0-9a-f]{40}\b", path)
    return asked[0] if asked else COMMIT


def _entry(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    return {"type": "file", "path": name, "size": path.stat().st_size, "oid": _etag(path)}


def _file(path: Path) -> tuple[int, dict[str, str], bytes]:
    if not path.is_file():
        return 404, {"X-Error-Code": "EntryNotFound"}, b""
    return 200, {"ETag": f'"{_etag(path)}"'}, path.read_bytes()


def _etag(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
