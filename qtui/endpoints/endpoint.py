"""The address of an endpoint, and the environment variable with its key, as the user writes them.

Both are stored, in the experiment's text and in a judge's settings, so neither may contain a secret. A password in an address is
written as `${NAME}` and is read from the environment only when a request is sent. Runs of an older qtui may have an address with
the password itself: they still work, and the password is hidden wherever the address is shown.
"""

import os
import re
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from qtui.errors import UserError
from qtui.secrets import redaction, url_secrets

Client = TypeVar("Client")

OPENAI = "api.openai.com"
OPENAI_URL = f"https://{OPENAI}/v1"
ADDRESS_VARIABLE = "OPENAI_BASE_URL"
"""The environment variable from which the openai library takes an address. qtui does not: an address belongs to the experiment."""
AZURE_PARAMETER = "api-version"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_PATH_OF_REQUEST = re.compile(r"/(?:chat/)?completions/?$")


def address_problem(address: str) -> str | None:
    """What is wrong with a `base_url` that contains a secret, without quoting the secret; None if it contains none."""
    if all(url_secrets.is_placeholder(address[start:end]) for start, end in url_secrets.spans(address)):
        return None
    return (
        "contains a password or key, which would be stored. Put it into an environment variable and write the variable's "
        "name in its place, e.g. https://user:${JUDGE_PASSWORD}@host/v1 (on a command line in single quotes)."
    )


def form_problem(address: str) -> str | None:
    """What is wrong with the form of a `base_url`, without quoting it, because it may have a password; None if it can be one."""
    example = "Write the server's address, e.g. http://localhost:8000/v1."
    if not address.strip():
        return f"is empty. {example} Without base_url, OpenAI's own server is asked."
    if any(character.isspace() or not character.isprintable() for character in address):
        return f"has a space or a control character. {example}"
    if _PLACEHOLDER.match(address):
        return None  # the variable has the whole address, or its beginning
    try:
        parts = urlsplit(_PLACEHOLDER.sub("1", address))
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"is not an address: its host or port is none. {example}"
    if parts.scheme not in ("http", "https") or not host:
        return f"is not an address of a server: it has to begin with http:// or https:// and a host. {example}"
    return None


def unset_variables(address: str) -> Iterator[str]:
    """Yield what is wrong with each placeholder of an address."""
    for name in _variables(address):
        if not _NAME.fullmatch(name):
            yield "contains a ${…} that is not the name of an environment variable."
        elif not os.environ.get(name):
            yield f"the environment variable {name} is not set (export {name}=…)."


def key_name_problem(name: str) -> str | None:
    """What is wrong with an `api_key_env`; None if it is valid. The value is not quoted, because it may be a key."""
    if _NAME.fullmatch(name) and (name in os.environ or not url_secrets.looks_like_key(name)):
        return None
    if url_secrets.looks_like_key(name):
        return (
            "must be the name of an environment variable, but it looks like a key, which would be stored. "
            "Export the key, e.g. export MY_API_KEY=…, and write MY_API_KEY here."
        )
    return "must be the name of an environment variable. Export the key, e.g. export MY_API_KEY=…, and write MY_API_KEY here."


def shown(address: str | None) -> str:
    """The address for messages, tables and logs, without secrets."""
    return url_secrets.masked(address, placeholders=True) if address else OPENAI


def resolved(address: str | None) -> str | None:
    """The address with the values of its variables. Raises UserError if one is not set.

    Announces its secrets to `redaction`.
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
    """Yield the names of the variables in an address that hold its secrets."""
    for start, end in url_secrets.spans(address or ""):
        yield from _variables((address or "")[start:end])


def key(name: str) -> str:
    """The key in a variable; empty if it is not set. Raises UserError if its value cannot be a key.

    Announces the key to `redaction`.
    """
    announce_key(name)
    value = os.environ.get(name, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise UserError(
            f"the value of the environment variable {name} is not a key: it contains characters that keys cannot have."
        )
    return value


def announce_key(name: str) -> None:
    """Announce the variable of a key to `redaction`. In a run of an older qtui the name itself may be a key."""
    if key_name_problem(name):
        redaction.remember("api_key_env", name)
    else:
        redaction.announce([name])


def check_no_other_address(address: str | None) -> None:
    """Raise UserError if there is no address, but the environment names one: it is not clear who should get the texts."""
    other = os.environ.get(ADDRESS_VARIABLE, "").strip()
    if address is not None or not other or urlsplit(other).hostname == OPENAI:
        return
    raise UserError(
        f"no base_url is given, which means OpenAI's own server ({OPENAI}), but the environment variable {ADDRESS_VARIABLE} names"
        f" another: {shown(other)}. To ask that server, write base_url (--base-url on a command line) with its address;"
        f" to ask OpenAI, unset {ADDRESS_VARIABLE}."
    )


def client(kind: Callable[..., Client], address: str | None, key_name: str, **settings: Any) -> Client:
    """A client of the openai library, made by `kind`. Raises UserError if the library does not accept the address.

    A query of the address (Azure's `?api-version=…`) is sent with every request. Azure takes its keys in a header of its own.
    """
    import openai

    where = shown(address)
    base_url = resolved(address)
    # Other servers than OpenAI's usually need no key, but the library requires one.
    api_key = key(key_name) or "none"
    try:
        url, query = _without_query(base_url or OPENAI_URL)
        headers = {"api-key": api_key} if AZURE_PARAMETER in query else None
        http = _http_client(kind)
        made = kind(
            api_key=api_key,
            base_url=url,
            default_query=query or None,
            default_headers=headers,
            http_client=http,
            **settings,
        )
    except Exception as error:
        # The library's message about an invalid address may contain a part of the password.
        reason = "" if type(error).__name__ in ("InvalidURL", "ValueError") else f" ({error})"
        raise UserError(
            f"{where}: the address is not valid{reason}; check base_url, e.g. http://localhost:8000/v1, and proxies."
        ) from None
    if isinstance(http, openai.DefaultHttpxClient):
        weakref.finalize(made, http.close)
    return made


def _http_client(kind: Callable[..., Any]) -> Any:
    """A connection for a client that reads errors as UTF-8, whatever charset they claim: the library stumbles over some."""
    import openai

    def read_as_utf8(reply: Any) -> None:
        reply.encoding = "utf-8"

    async def read_as_utf8_async(reply: Any) -> None:
        reply.encoding = "utf-8"

    if kind is openai.AsyncOpenAI:
        return openai.DefaultAsyncHttpxClient(event_hooks={"response": [read_as_utf8_async]})
    return openai.DefaultHttpxClient(event_hooks={"response": [read_as_utf8]})


def _without_query(address: str) -> tuple[str, dict[str, Any]]:
    """The address without its query, and the query by name: the library would put the path of a request after the query.

    The path of a request at the end of an address, as portals show it, is left out: the library adds it.
    """
    if "?" not in address:
        return _PATH_OF_REQUEST.sub("", address), {}
    parts = urlsplit(address)
    query = {
        name: values if len(values) > 1 else values[0]
        for name, values in parse_qs(parts.query, keep_blank_values=True).items()
    }
    return urlunsplit((parts.scheme, parts.netloc, _PATH_OF_REQUEST.sub("", parts.path), "", "")), query


def _variables(address: str) -> Iterator[str]:
    return (match[1] for match in _PLACEHOLDER.finditer(address))


def _value(placeholder: "re.Match[str]", address: str) -> str:
    """The value of a placeholder, URL-encoded if it belongs to user, password or query."""
    value = os.environ[placeholder[1]]
    if "?" in address[: placeholder.start()]:
        return quote(value, safe="")
    place = url_secrets.userinfo(address)
    if not place.start <= placeholder.start() < place.stop:
        return value
    return quote(value, safe=":" if address[place] == placeholder[0] else "")
