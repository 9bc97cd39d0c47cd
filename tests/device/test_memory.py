"""Memory of machines and control groups that are described by their system files, and of this one."""

import os
import subprocess
import sys
import textwrap

import psutil
import pytest

from qtui.device.memory import (
    Memory,
    address_space,
    memory,
    oom_kills,
    oom_kills_again,
    was_killed_for_memory,
)
from tests.device.machine import Machine

GIB = 1 << 30
NONE_IN_1 = 9223372036854771712
MACHINE = {"proc/meminfo": f"MemTotal:  {64 * (GIB >> 10)} kB\nMemFree: 5 kB\nMemAvailable:  {40 * (GIB >> 10)} kB"}


def group_2(path: str, limit: int | str, used: int, inactive: int = 0, kills: int = 0) -> dict[str, str | int]:
    folder = f"sys/fs/cgroup/{path}".rstrip("/")
    return {
        f"{folder}/memory.max": limit,
        f"{folder}/memory.current": used,
        f"{folder}/memory.stat": f"anon 5\ninactive_file {inactive}",
        f"{folder}/memory.events": f"low 0\noom 9\noom_kill {kills}\noom_group_kill 0",
    }


def group_1(path: str, limit: int, used: int, inactive: int = 0, kills: int = 0) -> dict[str, str | int]:
    folder = f"sys/fs/cgroup/memory/{path}".rstrip("/")
    return {
        f"{folder}/memory.limit_in_bytes": limit,
        f"{folder}/memory.usage_in_bytes": used,
        f"{folder}/memory.stat": f"inactive_file 1\ntotal_inactive_file {inactive}",
        f"{folder}/memory.oom_control": f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}",
    }


def test_machine_without_control_groups_has_what_the_kernel_says(machine: Machine) -> None:
    machine.has(MACHINE)
    assert memory(machine.root) == Memory(64 * GIB, 40 * GIB, None, 40 * GIB)


def test_limit_of_the_own_group_counts_and_not_only_that_of_the_root(machine: Machine) -> None:
    machine.has(MACHINE | {"proc/self/cgroup": "0::/user.slice/job.scope"})
    machine.has(group_2("", "max", 30 * GIB) | group_2("user.slice/job.scope", 8 * GIB, 3 * GIB))
    assert memory(machine.root) == Memory(64 * GIB, 40 * GIB, 8 * GIB, 5 * GIB)


def test_tightest_limit_on_the_way_to_the_root_counts(machine: Machine) -> None:
    machine.has(MACHINE | {"proc/self/cgroup": "0::/slurm/job_7/step_0"})
    machine.has(group_2("slurm", 32 * GIB, 31 * GIB) | group_2("slurm/job_7", 16 * GIB, 2 * GIB))
    machine.has(group_2("slurm/job_7/step_0", "max", GIB))
    assert memory(machine.root) == Memory(64 * GIB, 40 * GIB, 16 * GIB, GIB)


def test_container_sees_its_own_group_as_the_root(machine: Machine) -> None:
    machine.has(MACHINE | {"proc/self/cgroup": "0::/"} | group_2("", 4 * GIB, GIB))
    assert memory(machine.root) == Memory(64 * GIB, 40 * GIB, 4 * GIB, 3 * GIB)


def test_version_1_has_a_tree_of_its_own_for_memory(machine: Machine) -> None:
    machine.has(
        MACHINE | {"proc/self/cgroup": "5:cpu,cpuacct:/other\n4:memory:/lxc/box\n1:name=systemd:/\n0::/init.scope"}
    )
    machine.has(group_1("", NONE_IN_1, 20 * GIB) | group_1("lxc/box", 6 * GIB, 2 * GIB))
    assert memory(machine.root) == Memory(64 * GIB, 40 * GIB, 6 * GIB, 4 * GIB)


def test_path_of_the_host_is_found_under_what_the_container_has_mounted(machine: Machine) -> None:
    machine.has(MACHINE | {"proc/self/cgroup": "4:memory:/docker/0123abcd/inner"})
    machine.has(group_1("", 6 * GIB, 2 * GIB) | group_1("inner", NONE_IN_1, GIB))
    assert memory(machine.root).limit == 6 * GIB


def test_path_out_of_the_namespace_is_no_path(machine: Machine) -> None:
    machine.has(MACHINE | {"proc/self/cgroup": "0::/../../other"} | group_2("", 4 * GIB, GIB))
    assert memory(machine.root).limit == 4 * GIB


def test_pages_of_files_that_were_only_read_are_free(machine: Machine) -> None:
    machine.has(MACHINE | {"proc/self/cgroup": "0::/job"} | group_2("job", 8 * GIB, 7 * GIB, inactive=5 * GIB))
    assert memory(machine.root).free == 6 * GIB


@pytest.mark.parametrize("limit", [NONE_IN_1, 128 * GIB])
def test_limit_that_limits_nothing_is_none(machine: Machine, limit: int) -> None:
    machine.has(MACHINE | {"proc/self/cgroup": "4:memory:/"} | group_1("", limit, GIB))
    assert memory(machine.root) == Memory(64 * GIB, 40 * GIB, None, 40 * GIB)


def test_this_machine_has_memory() -> None:
    found = memory()
    assert 0 < found.free <= found.available <= found.total == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("path", "group"), [("0::/job", group_2), ("4:memory:/job", group_1)], ids=["version 2", "version 1"]
)
@pytest.mark.parametrize(("before", "after"), [(3, 3), (3, 4)])
def test_kill_for_memory_is_known_by_the_count_of_the_group(
    machine: Machine, path: str, group: object, before: int, after: int
) -> None:
    assert callable(group)
    machine.has(
        {"proc/812/cgroup": path, "proc/vmstat": "nr_free_pages 5\noom_kill 7"} | group("job", GIB, 0, 0, before)
    )
    first = oom_kills(machine.root, 812)
    (machine.root / "proc/812/cgroup").unlink()
    machine.has({"proc/vmstat": "oom_kill 8"} | group("job", GIB, 0, 0, after))
    assert was_killed_for_memory(first, oom_kills_again(first, machine.root)) is (after > before)


@pytest.mark.parametrize("after", [7, 8])
def test_count_of_the_machine_stands_in_where_the_group_has_none(machine: Machine, after: int) -> None:
    machine.has({"proc/812/cgroup": "0::/", "proc/vmstat": "oom_kill 7"})
    first = oom_kills(machine.root, 812)
    machine.has({"proc/vmstat": f"oom_kill {after}"})
    assert was_killed_for_memory(first, oom_kills_again(first, machine.root)) is (after > 7)


def test_system_that_does_not_count_leaves_it_open(machine: Machine) -> None:
    first = oom_kills(machine.root)
    assert was_killed_for_memory(first, oom_kills_again(first, machine.root)) is None


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_AS"), reason="limits of other processes are Linux's")
def test_limit_on_addresses_is_read_of_a_process() -> None:
    assert address_space(os.getpid()) is None
    program = textwrap.dedent("""
        import resource
        from qtui.device.memory import address_space
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
        found = address_space()
        print(found.limit, found.used <= found.most < found.limit, found.is_nearly_used)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(3 << 30), "True", "False"]
