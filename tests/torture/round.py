"""One round: the command is started, struck as the plan says, and started again until the run is done; then all is compared."""

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from qtui.run_progress import RunSummary
from qtui.store import open_store, runs
from qtui.store.errors import StoreError
from tests.torture import processes
from tests.torture.aftermath import Rows, problems, rows_of
from tests.torture.endpoints import Endpoints, endpoints
from tests.torture.plan import Plan, Request, Seconds, State, Strike
from tests.torture.plan import Rows as RowsMoment
from tests.torture.program import Program
from tests.torture.work import Folder, prepare

PATIENCE_SECONDS = 1200.0
"""How long an undisturbed run may take."""
SHORTEST_PATIENCE, PATIENCE_TIMES = 120.0, 12
"""In a round, what takes longer than so many undisturbed runs is stuck, on a machine of any speed and load."""
POLL_SECONDS = 0.03
MOST_COMMANDS = 4
"""After the last strike: one that may still attach to the runner that was struck, and those that resume."""


class StuckError(Exception):
    """Something did not end in time; the message says what."""


@dataclass(frozen=True)
class Undisturbed:
    """What an undisturbed run left, and how long it took in seconds."""

    rows: Rows
    folder: Folder
    seconds: float

    @property
    def patience(self) -> float:
        return max(SHORTEST_PATIENCE, PATIENCE_TIMES * self.seconds)


@dataclass
class Report:
    """How a round went."""

    plan: Plan
    problems: list[str]
    landed: list[Strike] = field(default_factory=list)
    missed: list[Strike] = field(default_factory=list)
    commands: int = 0
    asked_again: int = 0
    """Questions whose reply was lost by a strike, so that they were asked again."""
    seconds: float = 0.0

    def __str__(self) -> str:
        strikes = ", ".join(map(str, self.landed)) or "nothing was struck"
        missed = f"; too late: {', '.join(map(str, self.missed))}" if self.missed else ""
        how = "ok" if not self.problems else "FAILED: " + "; ".join(self.problems)
        return (
            f"seed {self.plan.seed}: {how} ({self.commands} commands, {self.asked_again} asked again,"
            f" {self.seconds:.0f} s): {strikes}{missed}"
        )


def undisturbed(path: Path) -> Undisturbed:
    """Run the experiment once without a strike. Raises StuckError, or RuntimeError if it does not end well."""
    with endpoints(path, lambda _name, _when: True) as served:
        folder = prepare(path / "round", served.grader.base_url, served.batcher.base_url)
        began = time.monotonic()
        command = _start(folder, in_terminal=False)
        _wait(command.has_ended, "the undisturbed run", PATIENCE_SECONDS)
        if command.status() != 0:
            raise RuntimeError(f"the undisturbed run ended with {command.status()}: {command.printed()}")
        seconds = time.monotonic() - began
        return Undisturbed(rows_of(folder.store), folder, seconds)


def round_of(plan: Plan, path: Path, whole: Undisturbed) -> Report:
    """Do what the plan says in a new folder at `path`."""
    report = Report(plan, [])
    began = time.monotonic()
    striker = _Striker()
    with endpoints(path, striker.watch) as served:
        cache = None if plan.is_cold else whole.folder.cache
        folder = prepare(path / "round", served.grader.base_url, served.batcher.base_url, cache)
        try:
            with _interface(folder, plan, whole.patience) as interface:
                _disturb(_Round(plan, folder, whole, striker, report, interface))
                _finish(folder, plan, report, whole.patience)
            report.problems += problems(folder, whole.rows, whole.folder, served, report.landed)
        except StuckError as error:
            report.problems.append(f"stuck: {error}; living: {_living(folder)}")
        finally:
            end_all(folder.path)
        report.asked_again = _asked_again(folder, served)
    report.seconds = time.monotonic() - began
    return report


@dataclass
class _Round:
    plan: Plan
    folder: Folder
    whole: Undisturbed
    striker: "_Striker"
    report: Report
    interface: Program | None
    kept: Rows = field(default_factory=Rows)
    """What the store had after the last strike: all of that stays."""


def _disturb(this: _Round) -> None:
    """Strike as planned. The command is started again whenever it has ended."""
    command: Program | None = None
    for strike in this.plan.strikes:
        if command is None or command.has_ended():
            command = _start(this.folder, in_terminal=this.plan.in_terminal)
            this.report.commands += 1
        has_landed = _strike(this, strike, command)
        (this.report.landed if has_landed else this.report.missed).append(strike)
        rows = rows_of(this.folder.store)
        this.report.problems += [f"after {strike}: {each}" for each in rows.lost_since(this.kept)]
        this.kept = rows
    if command is not None:
        _wait(command.has_ended, "the command after the last strike", this.whole.patience)


def _finish(folder: Folder, plan: Plan, report: Report, patience: float) -> None:
    """Give the same command until it has succeeded. One that starts its own runner now has to."""
    for _ in range(MOST_COMMANDS):
        command = _start(folder, in_terminal=plan.in_terminal)
        report.commands += 1
        _wait(command.has_ended, "the last command", patience)
        printed = command.printed()
        if "Traceback" in printed or "defect of qtui" in printed:
            report.problems.append(f"printed: {printed[-2000:]}")
        if command.status() == 0:
            return
        if "attaching to it" not in printed:
            report.problems.append(f"the same command ended with {command.status()}: {printed[-1000:]}")
            return
    report.problems.append(f"not done after {MOST_COMMANDS} commands")


def _strike(this: _Round, strike: Strike, command: Program) -> bool:
    """Wait for the moment and strike. Returns whether it happened before the command ended."""
    patience = this.whole.patience
    if isinstance(strike.moment, Request):
        this.striker.arm(strike.moment, lambda: _act(this, strike, command))
        _wait(lambda: this.striker.has_struck() or command.has_ended(), f"the moment {strike.moment}", patience)
        has_landed = this.striker.disarm()
    else:
        _wait(_Moment(this, strike, command), f"the moment {strike.moment}", patience)
        time.sleep(strike.delay)
        has_landed = _act(this, strike, command)
    return has_landed


class _Moment:
    """Whether the moment of a strike has come, or can no longer come."""

    def __init__(self, this: _Round, strike: Strike, command: Program) -> None:
        self._this, self._strike, self._command = this, strike, command
        self._began = time.monotonic()
        self._rows = rows_of(this.folder.store).count

    def __call__(self) -> bool:
        return self._command.has_ended() or (self._has_come() and self._has_victim())

    def _has_come(self) -> bool:
        moment = self._strike.moment
        if isinstance(moment, Seconds):
            return time.monotonic() - self._began >= moment.share * self._this.whole.seconds
        if isinstance(moment, RowsMoment):
            return rows_of(self._this.folder.store).count - self._rows >= moment.number
        run = _summary(self._this.folder.store)
        return isinstance(moment, State) and run is not None and run.variants[moment.variant].state == moment.state

    def _has_victim(self) -> bool:
        return self._strike.victim in ("command", "interface") or bool(
            processes.find(self._this.folder, self._strike.victim)
        )


def _act(this: _Round, strike: Strike, command: Program) -> bool:
    """Do to the victim what the strike says. Returns whether there was one."""
    if strike.action == "BREAK":
        return True  # the endpoint breaks the connection when this returns
    if strike.victim in ("command", "interface"):
        program = command if strike.victim == "command" else this.interface
        if program is None or program.has_ended():
            return False
        if strike.action == "CLOSE":
            program.close_terminal()
            return True
        victims = [psutil.Process(program.pid)]
    else:
        victims = processes.find(this.folder, strike.victim)
    struck = [_signal(victim, strike) for victim in victims]
    return any(struck)


def _signal(victim: psutil.Process, strike: Strike) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        victim.send_signal(getattr(signal, f"SIG{strike.action}"))
        if strike.action == "STOP":
            time.sleep(strike.stopped)
            victim.send_signal(signal.SIGCONT)
        elif strike.action == "KILL":
            psutil.wait_procs([victim], timeout=PATIENCE_SECONDS)
        return True
    return False


class _Striker:
    """Strikes at a request, in the thread of the endpoint that handles it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moment: Request | None = None
        self._act: Callable[[], bool] = lambda: False
        self._seen: Counter[tuple[str, str]] = Counter()
        self._struck = threading.Event()
        self._has_landed = False

    def arm(self, moment: Request, act: Callable[[], bool]) -> None:
        with self._lock:
            self._moment, self._act, self._has_landed = moment, act, False
            self._seen.clear()
            self._struck.clear()

    def disarm(self) -> bool:
        """Strike no more. Returns whether it happened."""
        with self._lock:
            armed, self._moment = self._moment, None
        if armed is None:
            _wait(self._struck.is_set, "a strike at a request", PATIENCE_SECONDS)
        return self._has_landed

    def has_struck(self) -> bool:
        return self._struck.is_set()

    def watch(self, name: str, when: str) -> bool:
        """See `batch_endpoint.Script.watch`. After a strike the connection of this request is broken, unless it was a stop."""
        with self._lock:
            number = self._seen[name, when]
            self._seen[name, when] += 1
            moment = self._moment
            if moment is None or (moment.endpoint, moment.when) != (name, when) or number < moment.number:
                return True
            self._moment = None
        self._has_landed = self._act()
        self._struck.set()
        return False


def _start(folder: Folder, *, in_terminal: bool) -> Program:
    return Program(["run", str(folder.experiment)], folder, in_terminal=in_terminal)


@contextmanager
def _interface(folder: Folder, plan: Plan, patience: float) -> Iterator[Program | None]:
    """A workbench on the store in a terminal of its own, if the plan has one; it ends with the round."""
    if not plan.has_interface:
        yield None
        return
    open_store(folder.store).close()
    interface = Program([], folder, in_terminal=True)
    try:
        yield interface
        if not interface.has_ended():
            interface.terminate()
            _wait(interface.has_ended, "the interface after SIGTERM", patience)
    finally:
        interface.close_terminal()


def _summary(store: Path) -> RunSummary | None:
    if not store.exists():
        return None
    with contextlib.suppress(StoreError), contextlib.closing(open_store(store, create=False)) as opened:
        return next(iter(runs.summaries(opened)), None)
    return None


def _wait(condition: Callable[[], bool], what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise StuckError(f"{what} (not within {seconds:.0f} s)")
        time.sleep(POLL_SECONDS)


def _asked_again(folder: Folder, served: Endpoints) -> int:
    stored = rows_of(folder.store).replies()
    asked = [number for each in served.replies.values() for numbers in each.values() for number in numbers]
    return len([number for number in asked if number not in stored])


def _living(folder: Folder) -> str:
    """The processes of a round that is stuck; their stacks are in their logs afterwards."""
    living = processes.of_round(folder)
    for process in living:
        if processes.module_of(process):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGUSR1)
    time.sleep(1)
    return ", ".join(map(processes.describe, living)) or "none"


def end_all(path: Path) -> None:
    """Kill all processes of rounds whose folders are in `path`."""
    for process in processes.of_rounds_in(path):
        with contextlib.suppress(psutil.Error):
            process.kill()
