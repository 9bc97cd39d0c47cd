"""The server's own words about a fault, from any body that servers and proxies send.

Every server puts its reason elsewhere: OpenAI, vLLM and Ollama into `error.message`, Gemini into a list of such objects, Mistral
and SGLang into `message`, FastAPI into `detail` (a text, or a list of `loc` and `msg`), LM Studio and TGI into `error`, OpenRouter
into `error.metadata.raw`, gateways into JSON inside a text, proxies into a page. So no shape is expected: keys that name a reason
are followed wherever they are. Parts of the request that a server repeats (`input`) are left out, because they are no reason.
"""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from qtui.files.text_decoding import storable
from qtui.secrets.redaction import redact_message

LONGEST = 2000
"""Characters of a server's words that are kept."""
SHOWN_CHARACTERS = 300

_REASONS = (
    "error", "errors", "message", "messages", "msg", "detail", "details", "description", "title", "reason", "metadata", "raw",
    "cause", "causes", "inner", "innererror", "fault", "faultstring", "failure", "response", "body", "hint", "info",
    "error_message", "error_msg", "error_description", "errormessage", "errormsg", "err", "fieldviolations",
)  # fmt: skip
"""Keys under which servers put their reasons, in lower case."""
_NAMES = ("param", "code", "type", "error_type", "status")
"""Keys whose values name the cause in one word. They are added in parentheses, if the words do not contain them."""
_NAMES_NOTHING = frozenset(
    ("", "none", "null", "error", "invalid_request_error", "invalid_argument", "badrequesterror", "bad_request", "validation")
)  # fmt: skip
_REPEATED = frozenset(("input", "flagged_input", "prompt", "url", "ctx", "instance", "request", "failed_generation"))
"""Keys of parts of the request."""
_NOT_SHOWN = frozenset(("script", "style", "head", "noscript", "svg", "title"))
_UNPARSED = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style")}
"""What contains no tags but its own end."""
_TAG = re.compile(r"<(?=[a-z/!?])(?P<slash>/?)(?P<name>[a-z0-9]*)", re.IGNORECASE)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body|title|h1|center)\b", re.IGNORECASE)


def words(body: bytes | str) -> str:
    """Return what the server says in this body, in one line; empty if it says nothing. The caller removes secrets."""
    text = body.decode("utf-8", errors="replace") if isinstance(body, bytes) else body
    text = text.removeprefix("\ufeff").strip()
    try:
        said = _of_text(text, depth=0)
    except (RecursionError, ValueError):  # nested too deeply, or a number that is too long
        said = text
    return " ".join(said.encode(errors="replace").decode().split())[:LONGEST]


def shown(said: str) -> str:
    """Return the start of a server's words for a message. Secrets are removed before they are cut: half a key looks like none."""
    clean = redact_message(said).strip()
    return clean if len(clean) <= SHOWN_CHARACTERS else clean[:SHOWN_CHARACTERS] + "…"


def of_value(value: Any) -> str:
    """Return the words in a value of parsed JSON, as `words` does; empty if it is nested too deeply."""
    try:
        return words(json.dumps(value))
    except RecursionError:
        return ""


def as_json(text: str) -> Any:
    """Return the value of a JSON text; None if it is not JSON. JSON that is nested too deeply counts as none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def as_storable_json(text: str) -> Any:
    """Do as `as_json` does, with lone surrogates replaced: escapes can contain them, but neither the store nor a request can."""
    value = as_json(text)
    return as_json(storable(json.dumps(value, ensure_ascii=False))) if _SURROGATE.search(text) and value else value


def _of_text(text: str, depth: int) -> str:
    if text[:1] in ("{", "[", '"') and depth < 8:
        value = as_json(text)
        if value is not None:
            return _of_json(value, depth + 1)
        first, separator, _ = text.partition("\n")
        if separator and (value := as_json(first)) is not None:  # one JSON object per line
            return _of_json(value, depth + 1)
    if text.startswith(("data:", "event:", ":")) and depth < 8:
        return _of_events(text, depth)
    if _PAGE.search(text[:LONGEST]):
        return _of_page(text)
    return text


def _of_events(text: str, depth: int) -> str:
    """The words in server-sent events."""
    lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    reasons = [_of_text(line, depth + 1) for line in lines if line.startswith("{") and '"error"' in line]
    return "; ".join(reasons) or " ".join(lines)


def _of_json(value: Any, depth: int) -> str:
    found: list[str] = []
    for part in _reasons(value, depth) or ():
        if sum(map(len, found)) > LONGEST:
            break  # more is not kept, and each one is compared with those before
        clean = " ".join(part.split())[:LONGEST]
        if clean and not any(clean in other for other in found):
            found = [other for other in found if other not in clean] + [clean]
    names = [
        f"{key} {name}" for key, name in _names(value) if not any(name.casefold() in each.casefold() for each in found)
    ]
    if not found:
        found = [", ".join(names)] if names else [json.dumps(value, ensure_ascii=False)]
        names = []
    return "; ".join(found) + (f" ({', '.join(dict.fromkeys(names))})" if names else "")


def _reasons(value: Any, depth: int) -> Iterator[str]:
    """Yield the texts under keys that name a reason, the outer and earlier ones first."""
    if depth > 16:
        return
    if isinstance(value, str):
        yield _of_text(value.strip(), depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _reasons(item, depth + 1)
    elif isinstance(value, dict):
        if isinstance(message := value.get("msg"), str) and isinstance(place := value.get("loc"), list):
            yield f"{'.'.join(map(str, place))}: {message}"  # FastAPI
            return
        for key, part in value.items():
            if key.casefold() in _REASONS and not isinstance(part, bool | int | float | None):
                yield from _reasons(part, depth + 1)


def _names(value: Any) -> Iterator[tuple[str, str]]:
    """Yield (key, name) of the one-word causes in a value, at any depth of objects and lists."""
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key.casefold() in _NAMES and isinstance(part, str) and len(part) < 80:
                if part.casefold() not in _NAMES_NOTHING and not part.isdecimal():
                    yield key, part
            elif key.casefold() not in _REPEATED:
                yield from _names(part)


def _of_page(text: str) -> str:
    title, texts = _texts_of_page(text)
    parts = [" ".join(html.unescape(part).split()) for part in (title, *texts)]
    shown = " ".join(dict.fromkeys(part for part in parts if part))
    return f"a web page: {shown}" if shown else "a web page"


def _texts_of_page(page: str) -> tuple[str, list[str]]:
    """Return a page's title and the texts that a browser would show."""
    title, texts, hidden, place = "", [], list[str](), 0
    for start, end, name, closes in (*_tags(page), (len(page), len(page), "", False)):
        text, place = page[place:start], end
        if hidden and hidden[-1] == "title":
            title += text
        elif not hidden:
            texts.append(text)
        if closes and name in hidden:
            del hidden[hidden.index(name) :]
        elif not closes and name in _NOT_SHOWN and name not in hidden:
            hidden.append(name)
    return title, texts


def _tags(page: str) -> Iterator[tuple[int, int, str, bool]]:
    """Yield (start, end, name, whether it closes) of each tag; comments are tags without a name.

    Each character is looked at once: the parser of Python's library takes minutes for kilobytes of tags that do not end.
    """
    place = 0
    while (start := page.find("<", place)) >= 0:
        found = _TAG.match(page, start)
        if found is None:
            place = start + 1
            continue
        closing = "-->" if page.startswith("<!--", start) else ">"
        end = page.find(closing, start)
        place = len(page) if end < 0 else end + len(closing)
        name = (found["name"] or "").lower()
        yield start, place, name, found["slash"] == "/"
        if name in _UNPARSED and found["slash"] != "/":
            until = _UNPARSED[name].search(page, place)
            place = until.start() if until else len(page)
