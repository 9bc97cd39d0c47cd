"""Messages about failed builds: the cause and what to install. The output of the compilers is long and names no package."""

import re
from dataclasses import dataclass

from qtui.building import advice
from qtui.building.recipe import Backend

SHOWN_CHARACTERS = 300
_ERROR_MESSAGE = re.compile(r"(?:CMake Error\b.*:|(?:fatal )?error: |^ERROR: )\s*\S", re.IGNORECASE)
_ERROR_LINE = re.compile(
    r"(?:^|\s)(?:CMake Error|(?:fatal )?error\b|FAILED:|ERROR:|Killed\b|ninja: |WARNING: Retrying)|: (?:command )?not found$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Cause:
    """A failure that `pattern` finds in the output after the first error. `backend` None applies to every back end."""

    pattern: str
    sentence: str
    backend: Backend | None = None


_CAUSES = (
    Cause(r"Killed signal terminated program|virtual memory exhausted|out of memory allocating", advice.NO_MEMORY),
    Cause(
        r"std::bad_alloc|Killed\s+\S*(?:cc1plus|cicc|ptxas)|nvcc error\s*: .* died due to signal 9", advice.NO_MEMORY
    ),
    Cause(r"No space left on device|Disk quota exceeded", advice.NO_SPACE),
    Cause(r"unsupported GNU version|#error -- unsupported .* version", advice.NEW_HOST_COMPILER, "cuda"),
    Cause(r"Unsupported gpu architecture|nvcc fatal\s*:\s*Unsupported", advice.OLD_NVCC, "cuda"),
    Cause(r"CUDA::cublas|cublas_v2\.h: No such file", advice.NO_CUBLAS, "cuda"),
    Cause(r"No CMAKE_CUDA_COMPILER|nvcc: (?:command )?not found|Failed to find nvcc", advice.NO_NVCC, "cuda"),
    Cause(r"hipcc|HIP compiler|hip-config|hipblas", advice.NO_HIP, "rocm"),
    Cause(r"Vulkan|glslc|SPIRV-Headers", advice.NO_GLSLC, "vulkan"),
    Cause(r"No CMAKE_C(?:XX)?_COMPILER could be found|CMAKE_C(?:XX)?_COMPILER not set", advice.NO_COMPILER),
    Cause(r"(?:g\+\+|gcc|c\+\+|cc): (?:command )?not found|cannot execute .cc1plus.", advice.NO_COMPILER),
    Cause(
        r"fatal error: (?:std\w+|string|features|bits/\S+)(?:\.h)?: No such file|crt1\.o|find -lc\b",
        advice.NO_C_LIBRARY,
    ),
    Cause(
        r"Permission denied.*(?:cmake|ninja|TryCompile|cmTC_)|(?:cmake|ninja|cmTC_\w+).*Permission denied",
        advice.NO_EXECUTION,
    ),
    Cause(r"The C(?:XX)? compiler\s+\S+\s+is not able to compile", advice.NO_COMPILER),
    Cause(r"Could not find CMake|cmake: (?:command )?not found|CMake .* or higher is required", advice.NO_CMAKE),
    Cause(r"CMAKE_MAKE_PROGRAM|Could not find ninja|unable to find a build program", advice.NO_NINJA),
    Cause(r"No module named .scikit_build_core|Cannot import .scikit_build_core", advice.NO_BUILD_BACKEND),
    Cause(
        r"NewConnectionError|Temporary failure in name resolution|Network is unreachable|timed out",
        advice.NO_CONNECTION,
    ),
    Cause(r"Could not fetch URL|ProxyError|SSLError|No matching distribution found", advice.NO_CONNECTION),
)


def explain(output: str, backend: Backend, jobs: int) -> str:
    """A message with the cause, from the output of pip, CMake and the compilers."""
    errors = _from_first_error(output)
    for cause in _CAUSES:
        if cause.backend in (None, backend) and re.search(cause.pattern, errors):
            return cause.sentence.replace("{jobs}", str(jobs))
    return f"llama.cpp could not be built for the back end {backend}: {last_line(output)}"


def last_line(output: str) -> str:
    """The most informative line: the first with an error's text, else the first that mentions an error, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines = [line for line in lines if "subprocess-exited" not in line]
    for pattern in (_ERROR_MESSAGE, _ERROR_LINE):
        errors = [line for line in lines if pattern.search(line)]
        if errors:
            return _cut(errors[0])
    return _cut((lines or ["no output"])[-1])


def _cut(text: str) -> str:
    return text[:SHOWN_CHARACTERS] + ("…" if len(text) > SHOWN_CHARACTERS else "")


def _from_first_error(output: str) -> str:
    """The output from the first error on. Before it a build names every tool that it looks for, also missing ones."""
    lines = output.splitlines(keepends=True)
    first = next((place for place, line in enumerate(lines) if _ERROR_LINE.search(line)), 0)
    return "".join(lines[first:])
