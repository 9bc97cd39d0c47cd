"""An endpoint as a person names it: its address, and the environment variable with its key.

Both are kept in the store, in the experiment's text and in a judge's settings, so neither may hold a secret. A password of an
address is written as `${NAME}`, and takes its value from the environment only when the endpoint is asked. Runs of an older qtui may
have an address with the password itself: they still work, and it is hidden wherever the address is shown.
"""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

from qtui.errors import UserError
from qtui.secrets import redaction, url_secrets

Client = TypeVar("Client")

OPENAI = "api.openai.com"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")


def address_problem(address: str) -> str | None:
    """What is wrong with a `base_url` that a person has written where there is a secret in it. The secret is not repeated."""
    if all(url_secrets.is_placeholder(address[start:end]) for start, end in url_secrets.spans(address)):
        return None
    return (
        "has a password or key in it, which would be kept in the store. Put it into an environment variable and write the name of "
        "that in its place, e.g. https://user:${JUDGE_PASSWORD}@host/v1 (on a command line in single quotes)."
    )


def unset_variables(address: str) -> Iterator[str]:
    """What is wrong with the placeholders of an address, a sentence for each."""
    for name in _variables(address):
        if not _NAME.fullmatch(name):
            yield "has a ${…} in it that is no name of an environment variable."
        elif not os.environ.get(name):
            yield f"the environment variable {name} is not set (export {name}=…)."


def key_name_problem(name: str) -> str | None:
    """What is wrong with an `api_key_env` that a person has written. The value is not repeated: it may be a key."""
    if _NAME.fullmatch(name) and (name in os.environ or not url_secrets.looks_like_key(name)):
        return None
    if url_secrets.looks_like_key(name):
        return (
            "is the name of an environment variable, and what stands there looks like a key itself, which would be kept in the "
            "store. Export the key, e.g. export MY_API_KEY=…, and write MY_API_KEY here."
        )
    return "is no name of an environment variable. Export the key, e.g. export MY_API_KEY=…, and write MY_API_KEY here."


def shown(address: str | None) -> str:
    """The address for messages, tables and logs, without secrets."""
    return url_secrets.masked(address, placeholders=True) if address else OPENAI


def resolved(address: str | None) -> str | None:
    """The address to ask, with the values of its variables. Raises UserError where one is not set.

    Its secrets are known to `redaction` from here on.
    """
    if address is None:
        return None
    for problem in unset_variables(address):
        raise UserError(f"{shown(address)}: base_url: {problem}")
    whole = _PLACEHOLDER.sub(lambda match: _value(match, address), address)
    names = list(secret_variables(address))
    for name in names:
        redaction.remember(f"${name}", os.environ.get(name))
    redaction.remember_url(f"${names[0]}" if names else "password of base_url", whole)
    return whole


def secret_variables(address: str | None) -> Iterator[str]:
    """The names of the variables that stand in the place of an address's secrets."""
    for start, end in url_secrets.spans(address or ""):
        yield from _variables((address or "")[start:end])


def key(name: str) -> str:
    """The key in a variable, empty where it is not set. Raises UserError where it cannot be one.

    It is known to `redaction` from here on.
    """
    announce_key(name)
    value = os.environ.get(name, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise UserError(f"the value of the environment variable {name} is no key: it has characters that no key has.")
    return value


def announce_key(name: str) -> None:
    """Let `redaction` know the variable of a key; in a run of an older qtui its name may be a key itself."""
    if key_name_problem(name):
        redaction.remember("api_key_env", name)
    else:
        redaction.announce([name])


def client(kind: Callable[..., Client], address: str | None, key_name: str, **settings: Any) -> Client:
    """A client of the openai library of this kind. Raises UserError where there can be none for this address."""
    where = shown(address)
    base_url = resolved(address)
    # A server of one's own usually wants no key, and the library wants one.
    api_key = key(key_name) or "none"
    try:
        return kind(api_key=api_key, base_url=base_url, **settings)
    except Exception as error:
        # What the library says of an address that it cannot read may be a part of the password.
        reason = "" if type(error).__name__ == "InvalidURL" else f" ({error})"
        raise UserError(
            f"{where}: this address cannot be asked{reason}; check base_url, e.g. http://localhost:8000/v1, and proxies."
        ) from None


def _variables(address: str) -> Iterator[str]:
    return (match[1] for match in _PLACEHOLDER.finditer(address))


def _value(placeholder: "re.Match[str]", address: str) -> str:
    """Of user and password encoded, so that they may have any character."""
    value = os.environ[placeholder[1]]
    place = url_secrets.userinfo(address)
    if not place.start <= placeholder.start() < place.stop:
        return value
    return quote(value, safe=":" if address[place] == placeholder[0] else "")
