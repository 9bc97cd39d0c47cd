"""A hub on 127.0.0.1: as much of its HTTP interface as its own library needs to list and download models."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class LoopbackHub:
    """Serves `repos`: hub id → folder. What may be set before it is asked, and looked at afterwards, is below."""

    def __init__(self, repos: dict[str, Path]) -> None:
        self.repos = repos
        self.requests: list[str] = []
        """Method and path of each."""
        self.fetched: set[str] = set()
        """Names of the files that were asked for to their end."""
        self.ranges: list[str] = []
        """The Range header of each request that had one without an end: those of resumed downloads."""
        self.tokens: set[str] = set()
        """What came as Authorization."""
        self.refuses: dict[str, tuple[int, dict[str, str]]] = {}
        """Hub id → status and headers of every answer on it."""
        self.declared: dict[str, int] = {}
        """File name → the size that is said of it, whatever it is."""
        self.gguf: dict[str, dict[str, Any]] = {}
        """Hub id → what is said of its GGUF files."""
        self.stops_after: dict[str, int] = {}
        """File name → bytes of it that are sent to each request from its beginning, before nothing more comes."""
        self.halted = threading.Event()
        """Set when a file was stopped in such a way."""
        self.closing = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._reply(with_body=False)

            def do_GET(self) -> None:
                self._reply(with_body=True)

            def _reply(self, *, with_body: bool) -> None:
                path = unquote(urlparse(self.path).path).strip("/")
                asked_part = self.headers.get("Range", "")
                hub.requests.append(f"{self.command} {path}")
                if self.command == "GET" and (not asked_part or asked_part.endswith("-")):
                    hub.fetched.add(path.rsplit("/", 1)[-1])
                hub.tokens.add(self.headers.get("Authorization", ""))
                status, headers, data = hub.answer(path)
                name = path.rsplit("/", 1)[-1]
                size = hub.declared.get(name, len(data))
                first, end = self._range(size)
                if (first or end < size) and status == 200:
                    status, headers = 206, {**headers, "Content-Range": f"bytes {first}-{end - 1}/{size}"}
                    data, size = data[:end], end
                self.send_response(status)
                for header, value in headers.items():
                    self.send_header(header, value)
                self.send_header("Content-Length", str(size - first))
                self.end_headers()
                if with_body:
                    self._send(data[first:], None if first else hub.stops_after.get(name))

            def _range(self, size: int) -> tuple[int, int]:
                """The first byte that is asked for, and the one after the last."""
                asked = self.headers.get("Range", "")
                if not asked:
                    return 0, size
                first, _, last = asked.removeprefix("bytes=").partition("-")
                if not last:
                    hub.ranges.append(asked)
                return int(first), min(size, int(last) + 1) if last else size

            def _send(self, data: bytes, stop: int | None) -> None:
                self.wfile.write(data[:stop])
                if stop is not None:
                    self.wfile.flush()
                    hub.halted.set()
                    hub.closing.wait()
                    self.close_connection = True  # or the client would wait for the rest

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        for repo, folder in self.repos.items():
            if repo in self.refuses and f"{repo}/" in f"{path}/":
                return *self.refuses[repo], b"{}"
            if path.startswith(f"api/models/{repo}"):
                return self._listing(repo, folder, path)
            if path.startswith(f"{repo}/resolve/"):
                return self._file(folder / path.split("/", 4)[4])
        return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"

    def _listing(self, repo: str, folder: Path, path: str) -> tuple[int, dict[str, str], bytes]:
        files = sorted(file for file in folder.iterdir() if file.is_file())
        said: Any
        if "/tree/" in path:
            said = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": _etag(file)} for file in files
            ]
        else:
            said = {"id": repo, "sha": COMMIT, "siblings": [{"rfilename": file.name} for file in files]}
            said |= {"gguf": self.gguf[repo]} if repo in self.gguf else {}
        return 200, {"Content-Type": "application/json", "X-Repo-Commit": COMMIT}, json.dumps(said).encode()

    def _file(self, file: Path) -> tuple[int, dict[str, str], bytes]:
        if not file.is_file():
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
        return 200, {"ETag": f'"{_etag(file)}"', "X-Repo-Commit": COMMIT}, file.read_bytes()


def _etag(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
