"""Secrets in URLs: passwords, user names that are keys, and parameters named `key`, `token` and the like."""

import re
from collections.abc import Iterator

HIDDEN = "***"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_PARAMETER = re.compile(r"([^?&#=]+)=([^&#]+)")
_SECRET_PARAMETER = re.compile(r"(key|token|secret|password|passwd|signature|sig|auth|credential)$", re.IGNORECASE)
_PLACEHOLDERS = re.compile(r"(?:\$\{[^{}]*\})+")
_AUTHORITY_END = re.compile(r"[/?#]")
_KEY = re.compile(r"(?:sk|pk|xai|nvapi)-|(?:sk|rk|hf|gsk|ghp|r8)_(?=\w*[A-Z0-9])\w{16,}|AIza[\w-]{20,}|eyJ[\w-]{10,}")
_LONG = 20
_LONG_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{32,}")


def mask(text: str) -> str:
    """The text with the secrets of its URLs hidden, as in `https://user:***@host`. A password `${NAME}` stays visible."""
    return _URL.sub(lambda url: masked(url[0]), text) if "://" in text else text


def masked(url: str, *, placeholders: bool = False) -> str:
    """One URL with its secrets hidden; with `placeholders` also those of the form `${NAME}`."""
    for start, end in reversed(list(spans(url))):
        if placeholders or not is_placeholder(url[start:end]):
            url = f"{url[:start]}{HIDDEN}{url[end:]}"
    return url


def is_placeholder(text: str) -> bool:
    """Whether a part of a URL consists only of placeholders `${NAME}`."""
    return _PLACEHOLDERS.fullmatch(text) is not None


def has_placeholder(text: str) -> bool:
    """Whether `${NAME}` stands somewhere in a part of a URL."""
    return "${" in text


def spans(url: str) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the secrets in a URL, from left to right."""
    place = userinfo(url)
    user, colon, password = url[place].partition(":")
    if looks_like_key(user) or (is_placeholder(user) and not password):
        yield place.start, place.start + len(user)
    if password:
        yield place.start + len(user + colon), place.stop
    query = url.find("?", place.stop) + 1
    for parameter in _PARAMETER.finditer(url, query) if query else ():
        if _SECRET_PARAMETER.search(parameter[1]):
            yield parameter.span(2)


def userinfo(url: str) -> slice:
    """The slice of `user:password` in a URL; empty if it has no user."""
    start = url.find("://") + 3 if "://" in url else 0
    at_sign = url.rfind("@", start, _authority_end(url, start))
    return slice(start, max(at_sign, start))


def looks_like_key(text: str) -> bool:
    """Whether a name is probably a key: it has the prefix of a service's keys, or is longer and more mixed than names are."""
    if _KEY.match(text) or _LONG_HEXADECIMAL.fullmatch(text):
        return True
    return len(text) >= _LONG and all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))


def _authority_end(url: str, start: int) -> int:
    """Where user, host and port end. A slash does not end them if no port precedes it: then it is part of a password."""
    match = _AUTHORITY_END.search(url, start)
    end = match.start() if match else len(url)
    authority = url[start:end]
    if "@" in authority or "@" not in url[end:] or ":" not in authority or authority.endswith(("]", "}")):
        return end
    return end if authority.rpartition(":")[2].isdecimal() else len(url)
