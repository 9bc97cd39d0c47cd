"""Messages about how a process ended: what happened, during which activity, what to do, where its log is.

`subprocess` gives only a number, negative for a signal. The other facts come from elsewhere: the activity from the last message of
the process, the cause from the end of its log, its memory use from samples, and out-of-memory kills from the kernel's counters.
"""

import signal
from dataclasses import dataclass
from pathlib import Path

from qtui.engines.device.memory import AddressSpace
from qtui.processes import log_end
from qtui.processes.header import gib

_SCARCE = 0.05
"""Share of free memory below which programs such as earlyoom begin to kill."""

_SIGNAL_PHRASES: dict[int, str] = {
    signal.SIGSEGV: "crashed in native code (SIGSEGV)",
    signal.SIGABRT: "was aborted by native code (SIGABRT)",
    signal.SIGBUS: "crashed in native code (SIGBUS)",
    signal.SIGFPE: "crashed in native code (SIGFPE: a division by zero)",
    signal.SIGILL: "used an instruction that this processor lacks (SIGILL)",
    signal.SIGTRAP: "was stopped by a check in native code (SIGTRAP)",
    signal.SIGSYS: "made a system call that is forbidden here (SIGSYS)",
    signal.SIGXCPU: "used up its limit of processor time (SIGXCPU, `ulimit -t`)",
    signal.SIGXFSZ: "reached the limit on the size of a file (SIGXFSZ, `ulimit -f`)",
    signal.SIGTERM: "was stopped (SIGTERM) by another process or a person",
    signal.SIGINT: "was interrupted (SIGINT) by another process or a person",
    signal.SIGHUP: "was stopped (SIGHUP): its session was closed",
    signal.SIGQUIT: "was stopped (SIGQUIT) by another process or a person",
    signal.SIGKILL: "was killed (SIGKILL)",
}
_ADVICE: dict[int, str] = {
    signal.SIGBUS: "A file that it reads may be truncated, or a disk may be full or failing.",
    signal.SIGILL: "Reinstall llama-cpp-python on this machine: it is compiled for the processor of the machine that builds it.",
}
_NATIVE = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGTRAP)


@dataclass(frozen=True, slots=True)
class Subject:
    """The process in a message. `name` as inside a sentence, e.g. `the worker`; `advice` is for a lack of memory."""

    name: str
    advice: str = "Use a smaller model, or a machine with more memory."


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """The memory use of a process, in bytes; None if unknown.

    `peak` is its largest use, `free` the free memory at the last sample, `limit` the container's memory, `total` the machine's.
    `killed_for_memory`: whether the kernel killed a process for lack of memory meanwhile.
    """

    peak: int | None = None
    free: int | None = None
    limit: int | None = None
    total: int | None = None
    address_space: AddressSpace | None = None
    killed_for_memory: bool | None = None
    grew_after_sample: bool = False
    """Whether the process grew much after `free` was sampled."""


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: `code` of `subprocess`, last `activity` (`loading weights (87 %)`), end of its log (`written`)."""

    code: int
    activity: str = ""
    log: Path | None = None
    written: str = ""
    memory: MemoryUse = MemoryUse()


def in_words(subject: Subject, end: End) -> str:
    """Sentences with the signal, the activity, the cause if the log names one, what to do, and the path of the log."""
    sentences = (*_sentences(subject, end), f"Its log: {end.log}" if end.log else "")
    return " ".join(sentence for sentence in sentences if sentence)


def _sentences(subject: Subject, end: End) -> tuple[str, ...]:
    if end.code == -signal.SIGKILL:
        return _killed(subject, end)
    if (end.code > 0 or -end.code in _NATIVE) and log_end.lacks_memory(end.written):
        return _out_of_memory(subject, end)
    if end.code < 0:
        number = -end.code
        cause = log_end.cause(end.written) if number in _NATIVE else ""
        how = _SIGNAL_PHRASES.get(number, f"was stopped by a signal ({name_of(number)})")
        return (
            _sentence(subject, how, end, cause),
            _ADVICE.get(number, ""),
            _address_space_in_words(end.memory) if number in _NATIVE else "",
        )
    last_line = log_end.last_line(end.written)
    how = f"ended with status {end.code}" if end.code else "ended before it was finished"
    return (_sentence(subject, how, end, last_line or ("its log names no cause" if end.code else "")),)


def _killed(subject: Subject, end: End) -> tuple[str, ...]:
    memory = _memory_in_words(end.memory)
    if end.memory.killed_for_memory:
        how = f"The kernel killed {subject.name} for lack of memory{_while(end)}"
        return (f"{how}: {memory}." if memory else f"{how}.", subject.advice)
    by = "by another process or a person"
    if end.memory.killed_for_memory is None:
        by = "by another process, a person, or the kernel for lack of memory"
    how = f"{_capital(subject.name)} was killed (SIGKILL) {by}{_while(end)}"
    guard = "Free memory was low: systemd-oomd or earlyoom may have killed it." if _is_low(end.memory) else ""
    return (f"{how}; {memory}." if memory else f"{how}.", guard, subject.advice if guard else "")


def _out_of_memory(subject: Subject, end: End) -> tuple[str, ...]:
    of_gpu = log_end.lacks_gpu_memory(end.written)
    how = f"ran out of {'GPU memory' if of_gpu else 'memory'} ({name_of(-end.code) if end.code < 0 else f'status {end.code}'})"
    limit = "" if of_gpu else _address_space_in_words(end.memory, is_the_cause=True)
    return (_sentence(subject, how, end, log_end.cause(end.written)), limit, subject.advice)


def name_of(number: int) -> str:
    """The name of a signal, e.g. `SIGSEGV` for 11; `signal 99` for a number without a name."""
    named = _signal(number)
    return named.name if named else f"signal {number}"


def _signal(number: int) -> signal.Signals | None:
    try:
        return signal.Signals(number)
    except ValueError:
        return None


def _sentence(subject: Subject, how: str, end: End, cause: str) -> str:
    sentence = f"{_capital(subject.name)} {how}{_while(end)}" + (f": {cause}" if cause else "")
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def _while(end: End) -> str:
    return f" while {end.activity}" if end.activity else ""


def _memory_in_words(memory: MemoryUse) -> str:
    """`it used 21.3 GiB and 0.2 GiB were free (container limit 24.0 GiB)`."""
    if memory.peak is None:
        return ""
    words = f"it used {gib(memory.peak)}"
    if memory.free is not None:
        words += f" and {gib(memory.free)} were free" + (" a moment before" if memory.grew_after_sample else "")
    if memory.limit is not None:
        return f"{words} (container limit {gib(memory.limit)})"
    return words + (f" (the machine has {gib(memory.total)})" if memory.total is not None else "")


def _is_low(memory: MemoryUse) -> bool:
    available = memory.limit or memory.total
    return bool(available and memory.free is not None and memory.free < _SCARCE * available)


def _address_space_in_words(memory: MemoryUse, *, is_the_cause: bool = False) -> str:
    space = memory.address_space
    if space is None or not (is_the_cause or space.is_nearly_used):
        return ""
    limit = f"Its address space is limited to {gib(space.limit)} (`ulimit -v`)"
    return f"{limit}." if is_the_cause else f"{limit} and it had used {gib(space.most)}: it may have run out of memory."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
