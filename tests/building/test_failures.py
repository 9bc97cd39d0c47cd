"""A failed build is a sentence with what to install, from what the tools really print."""

import re

import pytest

from qtui.building import failures
from qtui.building.recipe import Backend

CASES: list[tuple[str, Backend, str]] = [
    ("CMake Error at CMakeLists.txt:3 (project):\n  No CMAKE_CXX_COMPILER could be found.", "cpu", "apt install g++"),
    ("/bin/sh: 1: g++: not found\nninja: build stopped: subcommand failed.", "cpu", "apt install g++"),
    ("cc: fatal error: cannot execute 'cc1plus': execvp: No such file or directory", "cpu", "apt install g++"),
    ("FAILED: x.o\nfatal error: stdlib.h: No such file or directory", "cpu", "libc6-dev"),
    ("CMake Error\n/usr/bin/ld: cannot find crt1.o: No such file", "cpu", "libc6-dev"),
    ("ERROR: Could not find CMake with version >=3.21", "cpu", "apt install cmake"),
    ("CMake Error: CMAKE_MAKE_PROGRAM is not set.", "cpu", "ninja-build"),
    (
        "g++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.",
        "cpu",
        "out of memory with 8 jobs",
    ),
    ("nvcc error   : 'cicc' died due to signal 9 (Kill signal)", "cuda", "out of memory with 8 jobs"),
    ("FAILED: a.o\nfatal error: error writing to /tmp/a.s: No space left on device", "cpu", "disk is full"),
    ("CMake Error: No CMAKE_CUDA_COMPILER could be found.", "cuda", "nvcc"),
    (
        'Target "ggml-cuda" links to:\n CMake Error\n    CUDA::cublas\n\n  but the target was not found.',
        "cuda",
        "libcublas-dev",
    ),
    ("error: #error -- unsupported GNU version! gcc versions later than 14 are not supported!", "cuda", "g\\+\\+-13"),
    ("nvcc fatal   : Unsupported gpu architecture 'compute_120'", "cuda", "too old for this card"),
    ("CMake Error: Could not find hip-config.cmake", "rocm", "hipcc"),
    ("CMake Error: Could NOT find Vulkan (missing: Vulkan_LIBRARY glslc)", "vulkan", "glslc"),
    (
        "WARNING: Retrying … NewConnectionError: Temporary failure in name resolution\n"
        "ERROR: No matching distribution found for llama-cpp-python==0.3.36",
        "cpu",
        "--source FOLDER",
    ),
    ("ERROR: Cannot import 'scikit_build_core.build'", "cpu", "pip install scikit-build-core"),
    ("CMake Error: The C compiler\n /tmp/x/cmTC_1: Permission denied", "cpu", "TMPDIR"),
]


@pytest.mark.parametrize(("output", "backend", "advice"), CASES)
def test_the_sentence_says_what_to_install_or_do(output: str, backend: Backend, advice: str) -> None:
    before = "-- Check for working CXX compiler: /usr/bin/c++ - skipped\n-- hipcc and glslc were not looked for\n" * 20
    assert re.search(advice, failures.explain(before + output, backend, 8))


def test_what_is_not_known_shows_the_first_error_line() -> None:
    output = "[1/9] g++ -c a.cpp\na.cpp:7:1: error: expected ';'\n[2/9] g++ -c b.cpp\nninja: build stopped"
    assert failures.explain(output, "cpu", 2).endswith("a.cpp:7:1: error: expected ';'")


def test_tools_that_were_looked_for_before_the_error_are_no_cause() -> None:
    output = "-- Looking for glslc - not found\n-- CMAKE_MAKE_PROGRAM=/usr/bin/ninja\nx.cpp:1:1: error: boom"
    assert "boom" in failures.explain(output, "vulkan", 2)
