"""The two judges of a round behind real HTTP: one is asked directly, one in batches.

Both count what they are asked and keep it in a file. Each reply has a number of its own in its reason, so that the store shows
which reply to a question it has: a question that was asked again although its reply was stored is recognized by that.
"""

import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.judges.batch_endpoint import BatchServer, Line, Script, Work, batch_server, said
from tests.torture.work import BATCHER, GRADER

Watch = Callable[[str, str], bool]
"""Called with the endpoint's name and `before` or `after` for each request; False breaks the connection."""


@dataclass
class Endpoints:
    """What was asked: per endpoint and question, the numbers of the replies in their order."""

    grader: BatchServer
    batcher: BatchServer
    replies: dict[str, dict[str, list[int]]] = field(default_factory=lambda: {GRADER: {}, BATCHER: {}})


def question_of(body: dict[str, Any]) -> str:
    """What a request asks, whatever its other settings are."""
    return hashlib.sha256(json.dumps(body["messages"], sort_keys=True).encode()).hexdigest()


def grade_of(question: str) -> int:
    """The grade of a question: always the same, and each of 1 to 5 now and then."""
    return 1 + int(question[:8], 16) % 5


@contextmanager
def endpoints(folder: Path, watch: Watch) -> Iterator[Endpoints]:
    """Both endpoints on 127.0.0.1, each with its state in a file in `folder`."""
    numbers = itertools.count(1)
    counting = threading.Lock()
    served: list[Endpoints] = []

    def reply(name: str, body: dict[str, Any]) -> Line:
        question = question_of(body)
        with counting:
            number = next(numbers)
            served[0].replies[name].setdefault(question, []).append(number)
        return said(json.dumps({"reason": f"reply {number}", "grade": grade_of(question)}))

    def script(name: str) -> Script:
        return Script(
            say=lambda body, _times: reply(name, body),
            works=(Work(("in_progress", "completed")),),
            direct=lambda body: (200, reply(name, body)["response"]["body"]),
            watch=lambda when, _method, _path: watch(name, when),
        )

    with ExitStack() as stack:
        grader, batcher = (
            stack.enter_context(batch_server(folder / f"{name}.json", script(name))) for name in (GRADER, BATCHER)
        )
        served.append(Endpoints(grader, batcher))
        yield served[0]
