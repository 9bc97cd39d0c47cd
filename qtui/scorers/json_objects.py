"""JSON in an answer: the whole answer, or its only fenced block."""

import json
import re
from typing import Any

_FENCE = re.compile(r"```[ \t]*(?:json|JSON|Json)?[ \t]*\r?\n(.*?)\r?\n?[ \t]*```", re.DOTALL)


def read_json(text: str) -> Any:
    """Return the value of the JSON in the text. Raises ValueError with a sentence if there is none.

    NaN and Infinity, which Python accepts, are no JSON (RFC 8259).
    """
    whole = text.strip()
    blocks: list[str] = _FENCE.findall(whole)
    if len(blocks) > 1:
        raise ValueError(f"the answer has {len(blocks)} fenced blocks, not one")
    try:
        return json.loads(blocks[0] if blocks else whole, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the JSON nests too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no valid JSON: {error.msg} in line {error.lineno}") from None


def _refuse(name: str) -> None:
    raise ValueError(f"no valid JSON: {name}")
