"""llama-cpp-python's own server in a process of its own on 127.0.0.1: a real model behind OpenAI's protocol."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qtui import paths
from qtui.engines.conversion import gguf_cache
from qtui.engines.weights.weights import open_weights

PATIENCE_SECONDS = 120
PACKAGES = ("fastapi", "uvicorn", "sse_starlette", "starlette_context", "pydantic_settings")


def demo_gguf(precision: str = "Q8_0") -> Path:
    """Return the demo's model as a GGUF file. Skips the test where the engines or the model are missing."""
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    if not (paths.demo_model() / "model.safetensors").is_file():
        pytest.skip("data/demo has no model")
    return gguf_cache.quantized_gguf(open_weights(paths.demo_model()), precision, "test", lambda _: None)


@contextmanager
def llama_server(file: Path, log: Path, *settings: str, context: int = 512) -> Iterator[str]:
    """The address of a server with this model, once it replies. `settings` are further arguments of its command."""
    for package in PACKAGES:
        pytest.importorskip(package, reason=f"llama_cpp.server needs {package}: pip install 'llama-cpp-python[server]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(file), "--port", str(port)]
    own = ["--host", "127.0.0.1", "--n_ctx", str(context), "--n_threads", "1", "--n_threads_batch", "1", *settings]
    with log.open("wb") as out:
        process = subprocess.Popen([*command, *own], stdout=out, stderr=out, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        url = f"http://127.0.0.1:{port}/v1"
        _wait_until_up(url, process, log)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_until_up(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/models", timeout=5).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"the server did not come up: {log.read_text(errors='replace')[-2000:]}")
