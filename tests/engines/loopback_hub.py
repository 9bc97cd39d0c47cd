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
    """Serves `repos`: hub id → folder. `requests` are the paths that were asked for."""

    def __init__(self, repos: dict[str, Path]) -> None:
        self.repos = repos
        self.requests: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._reply(with_body=False)

            def do_GET(self) -> None:
                self._reply(with_body=True)

            def _reply(self, *, with_body: bool) -> None:
                path = unquote(urlparse(self.path).path).strip("/")
                hub.requests.append(f"{self.command} {path}")
                status, headers, data = hub.answer(path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if with_body:
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        for repo, folder in self.repos.items():
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
        return 200, {"Content-Type": "application/json", "X-Repo-Commit": COMMIT}, json.dumps(said).encode()

    def _file(self, file: Path) -> tuple[int, dict[str, str], bytes]:
        if not file.is_file():
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
        return 200, {"ETag": f'"{_etag(file)}"', "X-Repo-Commit": COMMIT}, file.read_bytes()


def _etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()
