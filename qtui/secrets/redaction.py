"""Removing secrets from texts: responses of endpoints are redacted before they are stored, shown or logged.

An endpoint gets a key with every request and may repeat it in an answer, an error or a proxy's page. People copy the store and
publish exports, so neither may contain a secret. A secret is

- the value of an environment variable whose name ends in API_KEY, TOKEN, SECRET, PASSWORD and the like, or that an experiment names
  as `api_key_env` or in the password of a `base_url`;
- the password in a URL that an environment variable holds (HTTPS_PROXY, OPENAI_BASE_URL).

Every encoded form of a secret is found (`forms`) and replaced by `[removed: $NAME]`.

Short values need care: `none`, `x` and `1234` are words of ordinary answers, and answers must not be changed without need. So a
value of fewer than 8 characters is removed only as a credential: after `Bearer` or `Basic`, or in `user:value@`. A variable that
is secret only by its name is ignored if its value does not look like a secret: fewer than 8 characters, fewer than 12 characters
that are all letters (`DB_PASSWORD=postgres`), or a special token of a model (`EOS_TOKEN=<|endoftext|>`). Words that mean "no key"
are ignored, too (`OPENAI_API_KEY=not-needed`).
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
"""Secrets of at least so many characters are removed anywhere in a text."""
SHORTEST_OF_LETTERS = 12
ANNOUNCED = "QTUI_SECRET_VARIABLES"
"""The environment variable with the names of secret variables from experiments. Child processes inherit it."""

_SECRET_NAME = re.compile(
    r"(API_?KEY|ADMIN_KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE)$", re.IGNORECASE
)
_SENT_WITH_REQUESTS = re.compile(r"(^|_)(PROXY|BASE_URL|ENDPOINT)$", re.IGNORECASE)
"""Variables with a URL whose password is sent over the network."""
_KEY_BY_DEFAULT = "OPENAI_API_KEY"
_HEADERS = "OPENAI_CUSTOM_HEADERS"
"""Lines of `Name: value` that the openai library adds to every request."""
_NO_KEYS = frozenset(
    ("not-needed", "not-required", "no-key-required", "placeholder", "changeme", "localhost", "lm-studio", "llama.cpp")
)
_LONGEST_PENDING = 1 << 16
"""Characters of an unfinished line; a longer one is written in pieces."""


class Secret(NamedTuple):
    value: str
    label: str
    """The name that replaces it, e.g. `$OPENAI_API_KEY`."""


remembered: dict[str, str] = {}
"""Value → label, of what this process was told to take for secret."""


def redact(text: str) -> str:
    """The text without the secrets that this process knows. For answers and grades: nothing else is changed."""
    parts: list[str] = []
    done = 0
    # If places overlap (user:password, and the password alone), the label is that of the first and longest.
    for start, end, label in sorted(_places(text, known_secrets()), key=lambda place: (place[0], -place[1])):
        if start >= done:
            parts += (text[done:start], f"[removed: {label}]")
        done = max(done, end)
    return "".join((*parts, text[done:]))


def redact_message(text: str) -> str:
    """The text without the secrets that this process knows and without passwords in URLs. For messages and logs."""
    return url_secrets.mask(redact(text))


def remember(label: str, value: str | None) -> None:
    """Treat a value as a secret until this process ends."""
    if value and value.strip():
        remembered.setdefault(value.strip(), label)


def remember_url(label: str, url: str) -> None:
    """Treat the secrets in a URL as secrets until this process ends."""
    for secret in _secrets_of_url(url, label):
        remember(secret.label, secret.value)


def announce(names: Iterable[str]) -> None:
    """Treat the values of these environment variables as secrets, in this process and its children."""
    announced = os.environ.get(ANNOUNCED, "").split()
    os.environ[ANNOUNCED] = " ".join(dict.fromkeys((*announced, *names)))


@contextmanager
def guarded_streams(*, stdout: bool = True) -> Iterator[None]:
    """Pass all that Python code writes to stderr, and to stdout if that is a log, through `redact_message`, line by line."""
    with _guarded("stderr"), _guarded("stdout") if stdout else nullcontext():
        yield


@contextmanager
def _guarded(name: str) -> Iterator[None]:
    stream = getattr(sys, name)
    if stream is None:  # the parent process closed it
        yield
        return
    guard = _Guard(stream)
    setattr(sys, name, guard)
    try:
        yield
    finally:
        setattr(sys, name, stream)
        with suppress(OSError):  # the reader may have gone
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
            yield from _secrets_of_urls(name, text)
        elif name == _HEADERS:
            values = (line.partition(":")[2].split() for line in text.splitlines())
            yield from (Secret(part, f"${name}") for parts in values for part in parts if len(part) >= SHORTEST)


def secret_variables() -> frozenset[str]:
    """Return the names of the environment variables that hold secrets, or may do so by their names."""
    named = {_KEY_BY_DEFAULT, _HEADERS, *os.environ.get(ANNOUNCED, "").split()}
    return frozenset(
        name
        for name, value in os.environ.items()
        if name in named or _SECRET_NAME.search(name) or next(_secrets_of_urls(name, value.strip()), None) is not None
    )


def _is_secret_by_looks(value: str) -> bool:
    if len(value) < SHORTEST or (value.startswith("<") and value.endswith(">")):
        return False
    return not value.isalpha() or len(value) >= SHORTEST_OF_LETTERS


def _secrets_of_urls(name: str, text: str) -> Iterator[Secret]:
    """The secrets of a variable whose value is one or several URLs; not of a text that merely contains a URL."""
    is_sent = _SENT_WITH_REQUESTS.search(name)
    parts = text.split()
    for url in parts if all("://" in part for part in parts) else ():
        for secret in _secrets_of_url(url, f"password of ${name}"):
            if is_sent or _is_secret_by_looks(secret.value):
                yield secret


def _secrets_of_url(url: str, label: str) -> Iterator[Secret]:
    """The secrets of a URL, literal and decoded, and `user:password`, which `Basic` sends."""
    parts = [url[start:end] for start, end in url_secrets.spans(url)]
    pair = url[url_secrets.userinfo(url)]
    for part in (*parts, *([pair] if ":" in pair else [])):
        if not url_secrets.has_placeholder(part):
            yield from (Secret(value, label) for value in dict.fromkeys((unquote(part), part)))


def _places(text: str, secrets: Iterable[Secret]) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, label) of every secret in the text, in any order; places may overlap."""
    candidates = list(secrets)
    for view in secret_forms.views(text) if candidates else ():
        for secret in candidates:
            find = secret_forms.anywhere if len(secret.value) >= SHORTEST else secret_forms.as_credential
            yield from ((start, end, secret.label) for start, end in find(view, secret.value))


class _Guard(io.TextIOBase):
    """A stream that passes redacted whole lines on; flushing also passes on an unfinished line."""

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
            if len(self._pending) > _LONGEST_PENDING:
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
