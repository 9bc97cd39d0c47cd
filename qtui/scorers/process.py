"""The process in which scorers work: a line of JSON in, a line out. A scorer that hangs is killed with it by the runner.

The first line names the kind, whose libraries are loaded before `ready` is answered, so that importing is in nobody's time.
"""

import sys
from typing import BinaryIO

import msgspec

from qtui.records import Score, ScorerSpec
from qtui.scorers import kinds
from qtui.scorers.protocol import Question, ScorerError


class Asked(msgspec.Struct):
    """One answer to score."""

    question: Question


class Scored(msgspec.Struct):
    """A score; or, with `failure`, why the scorer can score nothing."""

    score: Score = Score(None)
    failure: str = ""


def main() -> None:
    lines, output = sys.stdin.buffer, sys.stdout.buffer
    # What a library prints must not be taken for a score.
    sys.stdout = sys.stderr
    spec = msgspec.json.decode(lines.readline(), type=ScorerSpec)
    try:
        kinds.load_libraries(spec.kind)
    except Exception as error:
        _write(output, Scored(failure=f"its libraries cannot be loaded: {error}"))
        return
    _write(output, Scored())
    for line in lines:
        _write(output, _scored(spec, msgspec.json.decode(line, type=Asked)))


def _scored(spec: ScorerSpec, asked: Asked) -> Scored:
    try:
        return Scored(kinds.score(spec, asked.question))
    except ScorerError as error:
        return Scored(failure=str(error))
    except Exception as error:
        # A defect or an input that nobody thought of costs this score, and says so.
        return Scored(Score(None, f"the scorer failed: {type(error).__name__}: {error}"))


def _write(output: BinaryIO, message: Scored) -> None:
    output.write(msgspec.json.encode(message) + b"\n")
    output.flush()


if __name__ == "__main__":
    main()
