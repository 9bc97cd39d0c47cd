"""Secrets out of texts: what an endpoint sends is cleaned here before it is stored, shown or logged.

An endpoint gets a key with every request, and may repeat it: in an answer, an error, a page of a proxy. What qtui keeps is a file
that people copy and exports that they publish, so no secret may get there. A secret is

- the value of an environment variable whose name ends in API_KEY, TOKEN, SECRET, PASSWORD and the like, or that an experiment names
  as `api_key_env` or in the password of a `base_url`;
- the password in a URL that an environment variable holds (HTTPS_PROXY, OPENAI_BASE_URL).

It is found in every form in which it travels (`forms`), and `[removed: $NAME]` takes its place.

Short values need care: `none`, `x` and `1234` are words of ordinary answers, and an answer must not be changed without need. So a
value of fewer than 8 characters is removed only where it stands as a credential: after `Bearer` or `Basic`, or as `user:value@`. A
variable that only its name makes a secret is passed over where its value is none by its looks: fewer than 8 characters, fewer than
12 letters and nothing else (`DB_PASSWORD=postgres`), or a special token of a model (`EOS_TOKEN=<|endoftext|>`). So is a word that
stands for having no key (`OPENAI_API_KEY=not-needed`).
"""

import io
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, NamedTuple, TextIO
from urllib.parse import unquote

from qtui.secrets import forms as secret_forms
from qtui.secrets import url_secrets

SHORTEST = 8
"""Characters from which on a secret is removed wherever it stands."""
SHORTEST_OF_LETTERS = 12
ANNOUNCED = "QTUI_SECRET_VARIABLES"
"""The environment variable that names those which hold secrets by what an experiment says, for the children of a process."""

_SECRET_NAME = re.compile(
    r"(API_?KEY|ADMIN_KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE)$", re.IGNORECASE
)
_SENT_WITH_REQUESTS = re.compile(r"(^|_)(PROXY|BASE_URL|ENDPOINT)$", re.IGNORECASE)
"""Variables with a URL whose password goes over the network."""
_KEY_BY_DEFAULT = "OPENAI_API_KEY"
_HEADERS = "OPENAI_CUSTOM_HEADERS"
"""Lines of `Name: value` that the openai library adds to every request."""
_NO_KEYS = frozenset(
    ("not-needed", "not-required", "no-key-required", "placeholder", "changeme", "localhost", "lm-studio", "llama.cpp")
)
_LONGEST_HELD = 1 << 16
"""Characters of a line that is not at its end; a longer one is written in pieces."""


class Secret(NamedTuple):
    value: str
    label: str
    """What is written in its place, e.g. `$OPENAI_API_KEY`."""


remembered: dict[str, str] = {}
"""Value → label, of what this process was told to take for secret."""


def redact(text: str) -> str:
    """The text without the secrets that this process knows. For answers and grades: nothing else of them is changed."""
    parts: list[str] = []
    done = 0
    # Where places overlap (a user with its password, and the password), the one that begins first and is the longest is named.
    for start, end, label in sorted(_places(text, known_secrets()), key=lambda place: (place[0], -place[1])):
        if start >= done:
            parts += (text[done:start], f"[removed: {label}]")
        done = max(done, end)
    return "".join((*parts, text[done:]))


def redact_message(text: str) -> str:
    """The same for messages and logs, and without the password of any URL."""
    return url_secrets.mask(redact(text))


def remember(label: str, value: str | None) -> None:
    """Take a value for a secret for as long as this process lives."""
    if value and value.strip():
        remembered.setdefault(value.strip(), label)


def remember_url(label: str, url: str) -> None:
    """The same for what is secret in a URL."""
    for secret in _of_url(url, label):
        remember(secret.label, secret.value)


def announce(names: Iterable[str]) -> None:
    """Take the values of these environment variables for secrets, in this process and in those that it starts."""
    known = os.environ.get(ANNOUNCED, "").split()
    os.environ[ANNOUNCED] = " ".join(dict.fromkeys((*known, *names)))


@contextmanager
def guarded_streams(*, stdout: bool = True) -> Iterator[None]:
    """What Python code writes to stderr meanwhile, and to stdout if that is a log, goes through `redact_message` line by line."""
    with _guarded("stderr"), _guarded("stdout") if stdout else nullcontext():
        yield


@contextmanager
def _guarded(name: str) -> Iterator[None]:
    stream = getattr(sys, name)
    if stream is None:  # closed by whoever started this process
        yield
        return
    guard = _Guard(stream)
    setattr(sys, name, guard)
    try:
        yield
    finally:
        setattr(sys, name, stream)
        with suppress(OSError):  # nobody may be there to read it
            guard.flush()


def known_secrets() -> Iterator[Secret]:
    """Yield every secret that this process knows, one per value and variable."""
    named = {_KEY_BY_DEFAULT, *os.environ.get(ANNOUNCED, "").split()}
    yield from (Secret(value, label) for value, label in remembered.items())
    for name, value in os.environ.items():
        text = value.strip()
        if name in named or (_SECRET_NAME.search(name) and _is_secret_by_looks(text)):
            if text and text.casefold() not in _NO_KEYS:
                yield Secret(text, f"${name}")
        elif "://" in text:
            yield from _of_urls_in(name, text)
        elif name == _HEADERS:
            values = (line.partition(":")[2].split() for line in text.splitlines())
            yield from (Secret(part, f"${name}") for parts in values for part in parts if len(part) >= SHORTEST)


def _is_secret_by_looks(value: str) -> bool:
    if len(value) < SHORTEST or (value.startswith("<") and value.endswith(">")):
        return False
    return not value.isalpha() or len(value) >= SHORTEST_OF_LETTERS


def _of_urls_in(name: str, text: str) -> Iterator[Secret]:
    """Of a variable whose value is a URL, or several; not of one in whose text a URL happens to be."""
    is_sent = _SENT_WITH_REQUESTS.search(name)
    parts = text.split()
    for url in parts if all("://" in part for part in parts) else ():
        for secret in _of_url(url, f"password of ${name}"):
            if is_sent or _is_secret_by_looks(secret.value):
                yield secret


def _of_url(url: str, label: str) -> Iterator[Secret]:
    """As they stand in it and as they are once decoded; with the user too, as `Basic` sends them."""
    parts = [url[start:end] for start, end in url_secrets.spans(url)]
    pair = url[url_secrets.userinfo(url)]
    for part in (*parts, *([pair] if ":" in pair else [])):
        if not url_secrets.has_placeholder(part):
            yield from (Secret(value, label) for value in dict.fromkeys((unquote(part), part)))


def _places(text: str, secrets: Iterable[Secret]) -> Iterator[tuple[int, int, str]]:
    """(start, end, label) of every secret in the text, in any order; places may overlap."""
    known = list(secrets)
    for view in secret_forms.views(text) if known else ():
        for secret in known:
            find = secret_forms.anywhere if len(secret.value) >= SHORTEST else secret_forms.as_credential
            yield from ((start, end, secret.label) for start, end in find(view, secret.value))


class _Guard(io.TextIOBase):
    """Writes whole lines to a stream, and what there is of one when it is flushed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pending = ""
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._lock:
            lines, newline, self._pending = (self._pending + text).rpartition("\n")
            if newline:
                self._stream.write(redact_message(lines + newline))
            if len(self._pending) > _LONGEST_HELD:
                self.flush()
        return len(text)

    def flush(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, ""
            if pending:
                self._stream.write(redact_message(pending))
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._stream.errors
