"""Seeded changes of real inputs: of bytes, of lines of text, and of the values of a parsed file."""

import copy
import datetime
import json
import math
from collections.abc import Callable
from random import Random
from typing import Any

DEEP = 2500
"""More levels than Python's parsers go into each other."""
STRINGS: tuple[str, ...] = (
    "", " ", "\n", "\0", "\x1b]0;title\x07", "\u202etxet", "\ud800", "é", "日本語", "a" * 300, "x" * 5000, "~nosuchuser/x", "~",
    "/", "../../../etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "{{ 1/0 }}", "{% for", "${HOME}", "%s%n", "{}",
    "{input}", "NaN", "1e999", "true", "null", "http://", "http://[::1", "http://host:99999/v1", "(?P<a>(", "(a+)+$", "auto",
    "hf:a/b", ":",
)  # fmt: skip
NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 63, 2**15, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63) - 1, 100_000, 10**6,
    0.0, -0.0, 1.5, 1e-320, 1e308, math.inf, -math.inf, math.nan,
)  # fmt: skip


def odd_value(random: Random) -> Any:
    """A value of any type that a file could have in place of the right one."""
    kinds: tuple[Callable[[], Any], ...] = (
        lambda: random.choice(STRINGS),
        lambda: random.choice(NUMBERS),
        lambda: random.choice(NUMBERS),
        lambda: random.choice((True, False)),
        lambda: None,
        list,
        dict,
        lambda: [odd_value(random) for _ in range(random.randint(1, 3))],
        lambda: {random.choice(STRINGS): odd_value(random) for _ in range(random.randint(1, 2))},
        lambda: nested(random.choice((20, 90, 200, 400)), random.choice("[{")),
    )
    return random.choice(kinds)()


def nested(depth: int, bracket: str) -> Any:
    """A list in a list, or an object in an object, that many times."""
    value: Any = []
    for _ in range(depth):
        value = [value] if bracket == "[" else {"a": value}
    return value


def changed_value(random: Random, value: Any) -> Any:
    """A copy of a tree of lists and objects in which one to three places are different."""
    tree = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = _places(tree)
        if not places:
            return odd_value(random)
        holder, key = random.choice(places)
        _change(random, holder, key)
    return tree


def _change(random: Random, holder: Any, key: Any) -> None:
    how = random.choice(("value", "value", "value", "drop", "rename", "copy", "scale"))
    if how == "drop":
        del holder[key]
    elif how == "rename" and isinstance(holder, dict):
        holder[random.choice(STRINGS) if random.random() < 0.5 else f"{key}x"] = holder.pop(key)
    elif how == "copy" and isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
    elif how == "scale" and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] = holder[key] * random.choice((-1, 0, 2, 1000, 10**9))
    else:
        holder[key] = odd_value(random)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (list or object, index or key) in a tree."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        items = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
        for key, inner in items[:2000]:
            found.append((holder, key))
            if isinstance(inner, dict | list) and inner:
                waiting.append(inner)
    return found


def changed_bytes(random: Random, data: bytes, *, places: int = 4) -> bytes:
    """The bytes with a few places overwritten, cut, doubled, cut off or filled."""
    changed = bytearray(data)
    for _ in range(random.randint(1, places)):
        at = random.randrange(len(changed) + 1)
        size = random.choice((1, 1, 2, 4, 8, 64))
        how = random.choice(("flip", "random", "ones", "number", "delete", "repeat", "cut"))
        if how == "flip" and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif how == "random":
            changed[at : at + size] = random.randbytes(size)
        elif how == "ones":
            changed[at : at + size] = b"\xff" * size
        elif how == "number":
            changed[at : at + 8] = random.choice((0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 10**6)).to_bytes(
                8, "little"
            )
        elif how == "delete":
            del changed[at : at + size]
        elif how == "repeat":
            changed[at:at] = changed[max(0, at - size) : at]
        elif random.random() < 0.3:
            del changed[at:]
    return bytes(changed)


def changed_text(random: Random, text: str) -> bytes:
    """A text with lines removed, doubled or swapped, with odd characters, deep brackets, or as bytes in another encoding."""
    how = random.choice(("bytes", "bytes", "lines", "lines", "insert", "deep", "encoding"))
    if how == "bytes":
        return changed_bytes(random, text.encode())
    if how == "encoding":
        codec = random.choice(("utf-16", "utf-16-be", "utf-32", "cp932", "euc_jp", "latin-1", "utf-7", "utf-8-sig"))
        return text.encode(codec, errors="replace")
    lines = text.split("\n")
    at = random.randrange(len(lines))
    if how == "lines":
        other = random.randrange(len(lines))
        lines[at], lines[other] = random.choice(((lines[other], lines[at]), (lines[at], lines[at]), ("", lines[other])))
    elif how == "deep":
        key = random.choice(("a", "name", "models", "theme", "primary", "keymap", "source"))
        depth = random.choice((100, 300, 450, 1000, DEEP, 20_000))
        form = random.choice(
            ("{k} = {open}", "{k} = {open}{close}", "{k} = {table}", "[{dots}]", "{k}.{dots} = 1", "{open}")
        )
        deep = form.format(k=key, open="[" * depth, close="]" * depth, table="{a=" * depth, dots=".".join("a" * depth))
        lines.insert(random.choice((0, at)), deep)
    else:
        column = random.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:column] + random.choice(STRINGS) + lines[at][column:]
    return "\n".join(lines).encode(errors=random.choice(("surrogatepass", "replace")))


def toml(table: dict[str, Any]) -> str:
    """A table as TOML, each top key on a line of its own; what TOML has no form for is left out."""
    return "".join(f"{json.dumps(key)} = {_toml(value)}\n" for key, value in table.items() if value is not None)


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return str(value)
        case datetime.date() | datetime.time():
            return value.isoformat()
        case dict():
            return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items() if v is not None) + "}"
        case list():
            return "[" + ", ".join(_toml(each) for each in value if each is not None) + "]"
    return json.dumps(value)
