"""Finding the line at the end of a log that says why its process died.

A crash writes pages: stacks of threads, output of the debugger that ggml starts, information of llama.cpp. If the log names a
cause, it is among the few other lines at the end.
"""

import re
from pathlib import Path

from qtui.processes.log import MARK

_READ_BYTES = 1 << 18
_NEAR_LINES = 6
"""How many lines count as the end of the log, traces left out."""
_LONGEST = 200

_TRACE = re.compile(
    r"\s"  # frames and source lines are indented
    r"|$"
    r"|(Current thread|Thread) (0x[0-9a-f]+|\S+ \[)|Current thread's C stack trace|Python runtime state: "
    r"|Stack \(most recent call first\)|Traceback \(most recent call last\)|Extension modules: "
    r"|Fatal Python error: (Segmentation fault|Aborted|Bus error|Illegal instruction|Floating[ -]point exception)$"
    r"|\S+\([^()]*\)\s?\[0x[0-9a-f]+\]$"  # glibc's backtrace_symbols
    r"|#\d+\s|\d+\t|0x[0-9a-f]+ in |\[New LWP |\[Inferior |\[Thread debugging |Using host libthread_db |warning: "  # gdb
    r"|Attaching to process|This GDB |To (enable|completely disable) |line to your |For more information |\"Auto-loading "
    r"|\(lldb\)|\* thread #|Process \d+ (stopped|detached)|Executable binary set|Architecture set"
    r"|WARNING: Using native backtrace|See: https?://"
)
_EXCEPTION_MESSAGE = re.compile(r"\s+what\(\):\s+(.*)")
_INFORMATION = re.compile(r"I ")
_ALWAYS_FATAL = re.compile(
    r"GGML_ASSERT\(|Assertion .*failed|^\S+\.(c|cc|cpp|cu|cuh|h|hpp|m|mm):\d+: "
    r"|^terminate called|^libc\+\+abi: "
    r"|^(free|malloc|realloc|calloc|munmap_chunk|malloc_consolidate|mremap_chunk)\(\): |^sysmalloc: "
    r"|^double free or corruption|^corrupted (size|double-linked list)|^break adjusted to free|^\*\*\* .* \*\*\*"
    r"|^Fatal glibc error|^Fatal Python error: |\b(CUDA|HIP|ROCm|MUSA|SYCL|Vulkan) error"
)
"""Messages of a process that is about to die, however many lines of traces follow."""
_CAUSE = re.compile(
    r"^E |^error: |^[\w.]*(Error|Exception|Interrupt|Exit)(: |$)"
    r"|libgomp: |OMP: Error|OpenBLAS blas_thread_init|ErrorOutOfDeviceMemory|cudaMalloc failed"
    r"|error while loading shared libraries|symbol lookup error|undefined symbol"
)
"""Messages that are the cause only among the last lines: the process survived earlier ones."""
_ERROR = "error: "
"""How a line begins by which a process of qtui says why it ends."""
_ONLY_WHERE = re.compile(r":\d+: \w+ error$")
"""Lines that show only where ggml stopped after a GPU error; the error itself is above."""

_LACK_OF_MEMORY = re.compile(
    r"out of memory|std::bad_alloc|cannot allocate memory|can't allocate memory|insufficient memory|not enough memory"
    r"|\bMemoryError\b|OutOfMemory|(failed|unable|could not|cannot) to allocate|(failed|unable) to alloc"
    r"|failed to map segment|\bENOMEM\b|os error 12\b|alloc\w* failed",
    re.IGNORECASE,
)
_OF_GPU = re.compile(
    r"\b(cuda|hip|rocm|musa|sycl|vulkan|metal|gpu|OutOfDeviceMemory)|cudaMalloc|on device \d", re.IGNORECASE
)
_SOURCE = re.compile(r"(?:[\w.+~-]*/)+([\w.+-]+\.(?:c|cc|cpp|cu|cuh|h|hpp|m|mm|py)):(?=\d)")


def written_since(file: Path, start: int) -> str:
    """The last part of what was added to a log after its first `start` bytes; empty if it cannot be read."""
    try:
        with file.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(start if start <= size else 0, size - _READ_BYTES))
            return log.read(_READ_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""


def cause(text: str) -> str:
    """The line that names a cause, shortened; empty if none does."""
    lines = _lines(text)
    fatal = [line for line in lines if _is_fatal(line)]
    named = [line for line in fatal if not _ONLY_WHERE.search(line)] or fatal
    named = named or [line for line in _last(lines) if _CAUSE.search(line)]
    return _short(named[-1]) if named else ""


def last_error(file: Path, title: str) -> str:
    """The error that ended the last process with `title` in its header, as it wrote it to its log; empty if it wrote none."""
    written = written_since(file, 0).rpartition(title)[2]
    errors = [line for line in written.splitlines() if line.startswith(_ERROR)]
    return errors[-1].removeprefix(_ERROR) if errors else ""


def last_line(text: str) -> str:
    """The line that names a cause, else the last one that is neither a trace nor information; empty if there is none."""
    last = _last(_lines(text))
    return cause(text) or (_short(last[-1]) if last else "")


def lacks_memory(text: str) -> bool:
    """Whether a message or the end of a log says that memory could not be allocated."""
    return any(_LACK_OF_MEMORY.search(line) for line in _causes(text))


def lacks_gpu_memory(text: str) -> bool:
    """Whether it says that GPU memory could not be allocated."""
    return any(_LACK_OF_MEMORY.search(line) and _OF_GPU.search(line) for line in _causes(text))


def _causes(text: str) -> list[str]:
    lines = _lines(text)
    return [line for line in lines if _is_fatal(line)] + _last(lines)


def _is_fatal(line: str) -> bool:
    return bool(_ALWAYS_FATAL.search(line)) and not _INFORMATION.match(line)


def _last(lines: list[str]) -> list[str]:
    """The last lines without information. Information counts too: an error with much information after it was survived."""
    return [line for line in lines[-_NEAR_LINES:] if not _INFORMATION.match(line)]


def _lines(text: str) -> list[str]:
    """The lines without traces and without qtui's. A C++ exception's type and its message become one line."""
    lines: list[str] = []
    for line in text.splitlines():
        if (message := _EXCEPTION_MESSAGE.match(line)) and lines and lines[-1].startswith("terminate called"):
            lines[-1] = f"{lines[-1]}: {message[1]}"
        elif not (_TRACE.match(line) or line.startswith(MARK)):
            lines.append(line.rstrip())
    return lines


def _short(line: str) -> str:
    line = _SOURCE.sub(r"\1:", line.removeprefix("E ").strip())
    thrown = re.match(r"terminate called after throwing an instance of '([^']*)'(?:: (.*))?", line)
    if thrown:
        line = thrown[1] if thrown[2] in (None, "", thrown[1]) else f"{thrown[1]}: {thrown[2]}"
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
