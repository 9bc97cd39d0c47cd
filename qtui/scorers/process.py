"""The process in which scorers work: a line of JSON in, a line out. The runner kills it if a scorer hangs.

A line without a question loads the libraries of a kind, so that importing is in no score's time.
"""

import sys
from typing import BinaryIO

import msgspec

from qtui.processes import parent, streams
from qtui.records import Score, ScorerSpec
from qtui.scorers import kinds
from qtui.scorers.protocol import Question, ScorerError


class Asked(msgspec.Struct):
    """One answer to score by one scorer; without a question, the scorer's libraries are loaded."""

    spec: ScorerSpec
    question: Question | None = None


class Scored(msgspec.Struct):
    """A score; or, with `failure`, why the scorer can score nothing."""

    score: Score = Score(None)
    failure: str = ""


def main() -> None:
    # Reading lines ends with the runner, but a score that is under way may never end.
    parent.die_with_parent()
    streams.lose_unwritable("stderr")
    lines, output = sys.stdin.buffer, sys.stdout.buffer
    # What a library prints must not be taken for a score.
    sys.stdout = sys.stderr
    for line in lines:
        asked = msgspec.json.decode(line, type=Asked)
        _write(output, _loaded(asked.spec) if asked.question is None else _scored(asked.spec, asked.question))


def _loaded(spec: ScorerSpec) -> Scored:
    try:
        kinds.load_libraries(spec.kind)
    except Exception as error:
        return Scored(failure=f"its libraries cannot be loaded: {error}")
    return Scored()


def _scored(spec: ScorerSpec, question: Question) -> Scored:
    try:
        return Scored(kinds.score(spec, question))
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
