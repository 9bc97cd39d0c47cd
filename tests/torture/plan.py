"""What one round does: which process gets which signal at which moment. A seed decides all of it.

The same seed makes the same plan. When exactly a signal arrives between two instructions is up to the machine, except at the
moments of requests: there the endpoint itself strikes, while the process that asked waits for it.
"""

import random
from dataclasses import dataclass
from typing import Literal, TypeVar

from tests.torture.work import BATCHER, GRADER

Victim = Literal["runner", "worker", "scorers", "command", "interface", "connection"]
Action = Literal["KILL", "TERM", "INT", "HUP", "STOP", "CLOSE", "BREAK"]
"""A signal (STOP is followed by CONT), a terminal that is closed, or a connection that breaks before its reply."""

_Choice = TypeVar("_Choice", Victim, Action)
MOST_STRIKES = 4
LONGEST_DELAY, LONGEST_STOP = 0.4, 1.5
MOST_ROWS = 58
"""Answers, grades and scores of a whole run together, about."""
REQUESTS = {GRADER: 13, BATCHER: 7}
"""How many requests an undisturbed run makes, about."""

_VICTIMS: dict[Victim, int] = {
    "runner": 32, "worker": 24, "command": 14, "connection": 12, "interface": 10, "scorers": 8,
}  # fmt: skip
_SIGNALS: dict[Action, int] = {"KILL": 40, "TERM": 18, "INT": 14, "HUP": 14, "STOP": 14}
_SIGNALS_AT_TERMINAL: dict[Action, int] = {"CLOSE": 20, **_SIGNALS}
_STATES = ("preparing", "loading", "answering", "done")


@dataclass(frozen=True)
class Rows:
    """The moment at which the store has so many answers, grades and scores more than at the last strike."""

    number: int

    def __str__(self) -> str:
        return f"{self.number} rows later"


@dataclass(frozen=True)
class State:
    """The moment at which a variant (from 0, by position) is in a state."""

    variant: int
    state: str

    def __str__(self) -> str:
        return f"variant {self.variant + 1} is {self.state}"


@dataclass(frozen=True)
class Seconds:
    """A time after the command was started, as a share of an undisturbed run's."""

    share: float

    def __str__(self) -> str:
        return f"at {self.share:.0%} of the time"


@dataclass(frozen=True)
class Request:
    """The moment before a request (from 0, counted since the last strike) reaches an endpoint, or after it was handled."""

    endpoint: str
    number: int
    when: Literal["before", "after"]

    def __str__(self) -> str:
        return f"{self.when} request {self.number} to {self.endpoint}"


@dataclass(frozen=True)
class Strike:
    """One disturbance. `delay` and `stopped` are seconds: after the moment, and until a stopped process continues."""

    moment: Rows | State | Seconds | Request
    victim: Victim
    action: Action
    delay: float = 0.0
    stopped: float = 0.0

    def __str__(self) -> str:
        return f"{self.action} {self.victim} {self.moment}"


@dataclass(frozen=True)
class Plan:
    """One round. `has_interface`: a workbench looks at the store all the time. `is_cold`: nothing is in the cache."""

    seed: int
    strikes: tuple[Strike, ...]
    has_interface: bool
    is_cold: bool
    in_terminal: bool
    """Whether the command has a terminal of its own, or a pipe."""


def plan(seed: int) -> Plan:
    """The plan of the round with this seed."""
    chance = random.Random(seed)
    in_terminal = chance.random() < 0.4
    strikes = tuple(_strike(chance, in_terminal) for _ in range(chance.randint(1, MOST_STRIKES)))
    has_interface = any(strike.victim == "interface" for strike in strikes) or chance.random() < 0.2
    return Plan(seed, strikes, has_interface, is_cold=chance.random() < 0.3, in_terminal=in_terminal)


def _strike(chance: random.Random, in_terminal: bool) -> Strike:
    victim = _choose(chance, _VICTIMS)
    if victim == "connection":
        return Strike(_request(chance), victim, "BREAK")
    has_terminal = victim == "interface" or (victim == "command" and in_terminal)
    action = _choose(chance, _SIGNALS_AT_TERMINAL if has_terminal else _SIGNALS)
    stopped = round(chance.uniform(0.1, LONGEST_STOP), 2) if action == "STOP" else 0.0
    if victim == "runner" and chance.random() < 0.45:
        return Strike(_request(chance), victim, action, stopped=stopped)
    delay = round(chance.uniform(0.0, LONGEST_DELAY), 3) if chance.random() < 0.7 else 0.0
    return Strike(_moment(chance), victim, action, delay, stopped)


def _moment(chance: random.Random) -> Rows | State | Seconds:
    kind = chance.random()
    if kind < 0.5:
        return Rows(chance.randint(0, MOST_ROWS))
    if kind < 0.75:
        return State(chance.randrange(3), chance.choice(_STATES))
    return Seconds(round(chance.uniform(0.0, 1.2), 2))


def _request(chance: random.Random) -> Request:
    endpoint = chance.choice(tuple(REQUESTS))
    return Request(endpoint, chance.randrange(REQUESTS[endpoint]), chance.choice(("before", "after")))


def _choose(chance: random.Random, weights: dict[_Choice, int]) -> _Choice:
    return chance.choices(tuple(weights), tuple(weights.values()))[0]
