"""What a child of an engine says of a failure that comes of lack of memory, and of a limit on its addresses."""

import subprocess
import sys
import textwrap

import psutil
import pytest

from qtui import paths
from qtui.engines.protocol.answering import Failed, decode_from_worker

pytestmark = pytest.mark.skipif(not hasattr(psutil, "RLIMIT_AS"), reason="limits of other processes are Linux's")

LIMIT = 3 << 30


def failure(raised: str, limit: int | None = None, before: str = "") -> str:
    """The reason of a child that raises this; with a limit on its addresses, if one is given."""
    program = textwrap.dedent(f"""
        import resource
        from qtui.engines.processes import child
        from qtui.errors import UserError

        class OutOfMemoryError(RuntimeError):
            pass

        def work(asked, say):
            {f"resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))" if limit else ""}
            {before}
            raise {raised}

        child.run(work)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, input=b"", check=False)
    assert done.returncode == 1
    failed = decode_from_worker(done.stdout)
    assert isinstance(failed, Failed)
    return failed.reason


@pytest.mark.parametrize(
    "raised",
    [
        "MemoryError",
        "RuntimeError('DefaultCPUAllocator: can\\'t allocate memory: you tried to allocate 5 bytes')",
        "OSError(12, 'Cannot allocate memory')",
        "ImportError('libllama.so: failed to map segment from shared object')",
    ],
)
def test_lack_of_memory_is_told_with_what_there_was(raised: str) -> None:
    reason = failure(raised)
    assert reason.startswith("out of memory")
    assert "this process had " in reason
    assert "use fewer slots, a smaller context or smaller weights" in reason


def test_lack_of_gpu_memory_is_told_with_what_the_library_says() -> None:
    reason = failure("OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')")
    assert reason.startswith("out of GPU memory: CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_a_file_that_the_disk_refuses_is_named_with_the_remedy() -> None:
    lock = paths.cache() / "gguf" / "lock"
    reason = failure(f"OSError(30, 'Read-only file system', {str(lock)!r})")
    assert reason == (
        f"{lock}: cannot be used (Read-only file system). "
        "Correct its permissions, or name another folder with XDG_CACHE_HOME=…"
    )


def test_an_error_of_the_system_without_a_file_keeps_its_kind() -> None:
    assert failure("OSError(5, 'Input/output error')") == "OSError: [Errno 5] Input/output error (the log has details)"


def test_limit_on_addresses_is_named_with_lack_of_memory() -> None:
    assert "the address space of this process is limited to 3.0 GiB (`ulimit -v`)" in failure("MemoryError", LIMIT)


def test_limit_on_addresses_is_named_with_a_reason_of_the_library_about_memory() -> None:
    raised = "UserError('m.gguf: llama.cpp cannot load it: mmap failed: Cannot allocate memory')"
    assert failure(raised, LIMIT) == (
        "m.gguf: llama.cpp cannot load it: mmap failed: Cannot allocate memory; "
        "the address space of this process is limited to 3.0 GiB (`ulimit -v`)"
    )


def test_failure_near_the_limit_on_addresses_may_come_of_it_whatever_it_says() -> None:
    take = "import mmap; taken = mmap.mmap(-1, int(2.7 * (1 << 30)))"
    reason = failure("SystemError('error return without exception set')", LIMIT, take)
    assert reason.startswith("SystemError: error return without exception set (the log has details); the address space")
    assert "it may have run out of memory" in reason


def test_other_failure_far_from_the_limit_does_not_name_it() -> None:
    assert failure("UserError('m.gguf: not a GGUF file')", LIMIT) == "m.gguf: not a GGUF file"


def test_free_memory_is_no_more_than_the_limit_on_addresses_leaves() -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    program = textwrap.dedent(f"""
        import resource
        from qtui.engines.llama_cpp.context import free_memory
        resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}))
        print(free_memory())
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < LIMIT
