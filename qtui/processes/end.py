"""How a process ended, in words for the person who waits for it: what happened, while doing what, what to do, where its log is.

`subprocess` gives a number: negative for a signal. The rest is gathered from around it: what the process was at, by its last
message; the end of its log; the memory that it had; and whether the kernel says that it killed for lack of memory.
"""

import signal
from dataclasses import dataclass
from pathlib import Path

from qtui.engines.device.memory import AddressSpace
from qtui.format import memory_size
from qtui.processes import log_end

_SCARCE = 0.05
"""Of the memory: with less than this share free, programs that guard it begin to kill."""

_HOW: dict[int, str] = {
    signal.SIGSEGV: "crashed in native code (SIGSEGV)",
    signal.SIGABRT: "was aborted by native code (SIGABRT)",
    signal.SIGBUS: "crashed in native code (SIGBUS)",
    signal.SIGFPE: "crashed in native code (SIGFPE: a division by zero)",
    signal.SIGILL: "used an instruction that this processor lacks (SIGILL)",
    signal.SIGTRAP: "was stopped by a check in native code (SIGTRAP)",
    signal.SIGSYS: "made a system call that is forbidden here (SIGSYS)",
    signal.SIGXCPU: "used up its limit of processor time (SIGXCPU, `ulimit -t`)",
    signal.SIGXFSZ: "reached the limit on the size of a file (SIGXFSZ, `ulimit -f`)",
    signal.SIGTERM: "was ended (SIGTERM) by another process or a person",
    signal.SIGINT: "was interrupted (SIGINT) by another process or a person",
    signal.SIGHUP: "was ended (SIGHUP): its session was closed",
    signal.SIGQUIT: "was ended (SIGQUIT) by another process or a person",
    signal.SIGKILL: "was killed (SIGKILL)",
}
_ADVICE: dict[int, str] = {
    signal.SIGBUS: "A file that it reads may have been cut off, or a disk may be full or failing.",
    signal.SIGILL: "Reinstall llama-cpp-python on this machine: it is compiled for the processor that it is built on.",
}
_NATIVE = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGTRAP)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who ended. `name` as inside a sentence, e.g. `the worker`; `advice` is a sentence for where memory was short."""

    name: str
    advice: str = "Use a smaller model, or a machine with more memory."


@dataclass(frozen=True, slots=True)
class MemoryHad:
    """What is known of a process's memory, in bytes; None where it is not known.

    `had` is the most that it took, `free` what was left when it was last looked at, `limit` the container's, `total` the machine's.
    `killed_for_memory`: whether the kernel killed for lack of memory meanwhile.
    """

    had: int | None = None
    free: int | None = None
    limit: int | None = None
    total: int | None = None
    address_space: AddressSpace | None = None
    killed_for_memory: bool | None = None
    free_is_older: bool = False
    """The process grew much after `free` was read."""


@dataclass(frozen=True, slots=True)
class End:
    """`code` as `subprocess` gives it; `doing` as in `loading weights (87 %)`; `written` is the end of its log."""

    code: int
    doing: str = ""
    log: Path | None = None
    written: str = ""
    memory: MemoryHad = MemoryHad()


def in_words(subject: Subject, end: End) -> str:
    """Sentences that name the signal, what was going on, the cause where the log names one, what to do, and the log."""
    sentences = (*_sentences(subject, end), f"Its log: {end.log}" if end.log else "")
    return " ".join(sentence for sentence in sentences if sentence)


def _sentences(subject: Subject, end: End) -> tuple[str, ...]:
    if end.code == -signal.SIGKILL:
        return _killed(subject, end)
    if (end.code > 0 or -end.code in _NATIVE) and log_end.lacks_memory(end.written):
        return _out_of_memory(subject, end)
    if end.code < 0:
        number = -end.code
        said = log_end.cause(end.written) if number in _NATIVE else ""
        how = _HOW.get(number, f"was ended by a signal ({name_of(number)})")
        return (
            _sentence(subject, how, end, said),
            _ADVICE.get(number, ""),
            _address_space_in_words(end.memory) if number in _NATIVE else "",
        )
    said = log_end.last_line(end.written)
    how = f"ended with status {end.code}" if end.code else "ended before it was done"
    return (_sentence(subject, how, end, said or ("its log names no cause" if end.code else "")),)


def _killed(subject: Subject, end: End) -> tuple[str, ...]:
    had = _memory_in_words(end.memory)
    if end.memory.killed_for_memory:
        how = f"The kernel killed {subject.name} for lack of memory{_while(end)}"
        return (f"{how}: {had}." if had else f"{how}.", subject.advice)
    by = "by another process or a person"
    if end.memory.killed_for_memory is None:
        by = "by another process, a person, or the kernel for lack of memory"
    how = f"{_capital(subject.name)} was killed (SIGKILL) {by}{_while(end)}"
    guard = (
        "Memory was short: a guard such as systemd-oomd or earlyoom may have done it." if _was_short(end.memory) else ""
    )
    return (f"{how}; {had}." if had else f"{how}.", guard, subject.advice if guard else "")


def _out_of_memory(subject: Subject, end: End) -> tuple[str, ...]:
    of_gpu = log_end.lacks_gpu_memory(end.written)
    how = f"ran out of {'GPU memory' if of_gpu else 'memory'} ({name_of(-end.code) if end.code < 0 else f'status {end.code}'})"
    limit = "" if of_gpu else _address_space_in_words(end.memory, is_the_cause=True)
    return (_sentence(subject, how, end, log_end.cause(end.written)), limit, subject.advice)


def name_of(number: int) -> str:
    """`SIGSEGV` of 11; a number without a name as it is."""
    known = _signal(number)
    return known.name if known else f"signal {number}"


def _signal(number: int) -> signal.Signals | None:
    try:
        return signal.Signals(number)
    except ValueError:
        return None


def _sentence(subject: Subject, how: str, end: End, cause: str) -> str:
    sentence = f"{_capital(subject.name)} {how}{_while(end)}" + (f": {cause}" if cause else "")
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def _while(end: End) -> str:
    return f" while {end.doing}" if end.doing else ""


def _memory_in_words(memory: MemoryHad) -> str:
    """`it had 21.3 GiB and 0.2 GiB were free (limit of the container 24.0 GiB)`."""
    if memory.had is None:
        return ""
    words = f"it had {memory_size(memory.had)}"
    if memory.free is not None:
        words += f" and {memory_size(memory.free)} were free" + (" a moment before" if memory.free_is_older else "")
    if memory.limit is not None:
        return f"{words} (limit of the container {memory_size(memory.limit)})"
    return words + (f" (the machine has {memory_size(memory.total)})" if memory.total is not None else "")


def _was_short(memory: MemoryHad) -> bool:
    most = memory.limit or memory.total
    return bool(most and memory.free is not None and memory.free < _SCARCE * most)


def _address_space_in_words(memory: MemoryHad, *, is_the_cause: bool = False) -> str:
    space = memory.address_space
    if space is None or not (is_the_cause or space.is_nearly_used):
        return ""
    limit = f"Its address space is limited to {memory_size(space.limit)} (`ulimit -v`)"
    return (
        f"{limit}."
        if is_the_cause
        else f"{limit} and it had taken {memory_size(space.most)}: it may have run out of memory."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
