"""llama.cpp's own programs as yardsticks, where a person has built them and says where they are."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.bench.model import Work

BATCHED_BENCH = os.environ.get("QTUI_BATCHED_BENCH")
SERVER = os.environ.get("QTUI_LLAMA_SERVER")
_PADDING = 256
"""Tokens of a sequence come in multiples of this."""


def batched_bench(path: Path, *, prompt: int, answer: int, sequences: int, threads: int) -> float:
    """Seconds, as the program times itself: without loading. It runs twice and the second time counts."""
    cells = sequences * _padded(prompt + answer)
    size = ["-c", str(cells), "-b", "512", "-ub", "512", "-t", str(threads), "-tb", str(threads)]
    work = ["-npp", str(prompt), "-ntg", str(answer), "-npl", f"{sequences},{sequences}"]
    said = subprocess.run(
        [str(BATCHED_BENCH), "-m", str(path), *size, *work, "--output-format", "jsonl"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
    return float(rows[-1]["t"])


@contextmanager
def server(path: Path, *, slots: int, context: int, threads: int) -> Iterator[str | None]:
    """The address of a running llama-server with as many slots of as much context each; None where there is no program."""
    if not SERVER:
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    size = ["-np", str(slots), "-c", str(slots * _padded(context)), "-b", "512", "-ub", "512"]
    process = subprocess.Popen(
        [SERVER, "-m", str(path), "--host", "127.0.0.1", "--port", str(port), *size, "-t", str(threads)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        while not _is_up(url):
            assert process.poll() is None, f"{SERVER} ended with code {process.returncode}"
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def ask_all(url: str, work: Work) -> None:
    def ask(pair: tuple[str, int]) -> int:
        text, limit = pair
        body = {"prompt": text, "n_predict": limit, "temperature": 0.0, "cache_prompt": False, "repeat_penalty": 1.0}
        request = urllib.request.Request(
            f"{url}/completion", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as reply:
            return int(json.load(reply)["tokens_predicted"])

    with ThreadPoolExecutor(len(work)) as pool:
        answered = list(pool.map(ask, work))
    assert answered == [limit for _, limit in work]


def _is_up(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/health", timeout=5).close()
        return True
    except urllib.error.URLError:
        return False


def _padded(tokens: int) -> int:
    return -(-tokens // _PADDING) * _PADDING
