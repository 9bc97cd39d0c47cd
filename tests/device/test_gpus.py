"""GPUs of machines that are described by their system files and by what their nvidia-smi prints."""

import pytest

from qtui.device import gpus as module
from qtui.device.gpus import Gpu, gpus
from tests.device.machine import Machine

TWO = """echo "0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6, NVIDIA A100-SXM4-80GB, 81920, 550.54.15, 8.0"
echo "1, GPU-1111f937-d72c-4106-c12f-20bd9faed9f6, NVIDIA GeForce RTX 3090, 24576, 550.54.15, 8.6"
"""
A100 = Gpu("nvidia", "NVIDIA A100-SXM4-80GB", 80 << 30, "550.54.15", "8.0")
RTX = Gpu("nvidia", "NVIDIA GeForce RTX 3090", 24 << 30, "550.54.15", "8.6")

OLD_DRIVER = """case "$1" in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;; esac
echo "0, GPU-8932f937, Tesla K80, 11441, 440.33.01"
"""
DRIVER_FILES = {
    "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023",
    "proc/driver/nvidia/gpus/0000:65:00.0/information": "Model: \t\t NVIDIA L4\nIRQ:   \t\t 164\nGPU UUID: \t GPU-8932f937-d72c",
}
OPEN_DRIVER = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (dvs-builder@U16)\n"
    "GCC version:  gcc version 12.2.0"
)


def test_machine_without_gpu_has_none(machine: Machine) -> None:
    assert gpus(machine.root, machine.environment()) == ()


def test_nvidia_smi_names_all_that_is_known(machine: Machine) -> None:
    machine.has_tool("nvidia-smi", TWO)
    assert gpus(machine.root, machine.environment()) == (A100, RTX)


def test_nvidia_smi_is_not_run_where_nobody_wants_to_wait(machine: Machine) -> None:
    machine.has_tool("nvidia-smi", TWO)
    assert gpus(machine.root, machine.environment(), asks_tools=False) == ()


def test_driver_too_old_for_the_compute_capability_still_names_its_gpu(machine: Machine) -> None:
    machine.has_tool("nvidia-smi", OLD_DRIVER)
    assert gpus(machine.root, machine.environment()) == (Gpu("nvidia", "Tesla K80", 11441 << 20, "440.33.01"),)


def test_value_that_the_driver_does_not_have_is_unknown(machine: Machine) -> None:
    machine.has_tool("nvidia-smi", 'echo "0, GPU-1, NVIDIA GH200, [N/A], [N/A], [N/A]"')
    assert gpus(machine.root, machine.environment()) == (Gpu("nvidia", "NVIDIA GH200"),)


@pytest.mark.parametrize(
    "script",
    ["echo 'NVIDIA-SMI has failed'; exit 9", "echo 'No devices were found'", "kill -9 $$", "printf '\\377\\0'"],
)
def test_nvidia_smi_that_fails_leaves_what_the_driver_lists(machine: Machine, script: str) -> None:
    machine.has_tool("nvidia-smi", script)
    machine.has(DRIVER_FILES)
    assert gpus(machine.root, machine.environment()) == (Gpu("nvidia", "NVIDIA L4", driver="535.104.05"),)


def test_nvidia_smi_that_hangs_is_given_up(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOOL_SECONDS", 0.1)
    machine.has_tool("nvidia-smi", "exec sleep 600")
    machine.has(DRIVER_FILES)
    assert gpus(machine.root, machine.environment()) == (Gpu("nvidia", "NVIDIA L4", driver="535.104.05"),)


def test_version_of_the_open_driver_is_read(machine: Machine) -> None:
    machine.has(DRIVER_FILES | {"proc/driver/nvidia/version": OPEN_DRIVER})
    assert [gpu.driver for gpu in gpus(machine.root, machine.environment())] == ["550.54.15"]


def test_container_with_device_files_alone_has_gpus_without_names(machine: Machine) -> None:
    machine.has({"dev/nvidia3": "", "dev/nvidia5": "", "dev/nvidiactl": "", "dev/nvidia-uvm": ""})
    # CUDA counts them from 0, whatever the files are called.
    found = gpus(machine.root, machine.environment(CUDA_VISIBLE_DEVICES="1"))
    assert found == (Gpu("nvidia", "NVIDIA GPU", is_hidden=True), Gpu("nvidia", "NVIDIA GPU"))


def test_gpu_of_windows_is_seen_by_its_linux(machine: Machine) -> None:
    machine.has({"dev/dxg": ""})
    assert [gpu.vendor for gpu in gpus(machine.root, machine.environment())] == ["nvidia"]


def test_nvidia_smi_of_windows_is_found_off_the_path(machine: Machine) -> None:
    machine.has({"dev/dxg": "", "usr/lib/wsl/lib/nvidia-smi": f"#!/bin/sh\n{TWO}"})
    (machine.root / "usr/lib/wsl/lib/nvidia-smi").chmod(0o755)
    assert gpus(machine.root, machine.environment()) == (A100, RTX)


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("", [True, True]),
        ("-1", [True, True]),
        ("NoDevFiles", [True, True]),
        ("0", [False, True]),
        ("1", [True, False]),
        ("1,0", [False, False]),
        (" 1 , 0 ", [False, False]),
        ("0,-1,1", [False, True]),  # the list ends at the first that does not exist
        ("7,0", [True, True]),
        ("GPU-1111", [True, False]),
        ("gpu-8932F937", [False, True]),
        ("GPU-9999", [True, True]),
        ("MIG-4fed9b5f-0b3d", [False, False]),
    ],
)
def test_environment_hides_gpus_as_the_driver_reads_it(machine: Machine, value: str, hidden: list[bool]) -> None:
    machine.has_tool("nvidia-smi", TWO)
    found = gpus(machine.root, machine.environment(CUDA_VISIBLE_DEVICES=value))
    assert [gpu.is_hidden for gpu in found] == hidden


KFD = {
    "sys/class/kfd/kfd/topology/nodes/0/properties": "cpu_cores_count 64\nsimd_count 0\nvendor_id 0",
    "sys/class/kfd/kfd/topology/nodes/1/properties": "simd_count 440\nvendor_id 4098\ngfx_target_version 90010",
    "sys/class/kfd/kfd/topology/nodes/1/mem_banks/0/properties": "heap_type 1\nsize_in_bytes 68702699520\nflags 0",
    "sys/class/kfd/kfd/topology/nodes/10/properties": "simd_count 192\nvendor_id 4098\ngfx_target_version 110000",
    "sys/class/kfd/kfd/topology/nodes/2/properties": "simd_count 160\nvendor_id 4098\ngfx_target_version 100300",
    "sys/module/amdgpu/version": "6.3.6",
}


def test_amd_gpus_are_read_from_the_compute_driver(machine: Machine) -> None:
    machine.has(KFD)
    found = gpus(machine.root, machine.environment())
    assert found == (
        Gpu("amd", "AMD GPU gfx90a", 68702699520, "6.3.6"),
        Gpu("amd", "AMD GPU gfx1030", None, "6.3.6"),
        Gpu("amd", "AMD GPU gfx1100", None, "6.3.6"),
    )


@pytest.mark.parametrize("variable", ["HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"])
def test_environment_hides_amd_gpus(machine: Machine, variable: str) -> None:
    machine.has(KFD)
    found = gpus(machine.root, machine.environment(**{variable: "1"}))
    assert [gpu.is_hidden for gpu in found] == [True, False, True]


CARDS: dict[str, str | int] = {
    "sys/class/drm/card0/device/vendor": "0x8086",
    "sys/class/drm/card0-HDMI-A-1/device/vendor": "0x1002",
    "sys/class/drm/card1/device/vendor": "0x1002",
    "sys/class/drm/card1/device/mem_info_vram_total": 17163091968,
}


def test_amd_card_counts_where_its_compute_device_is_there(machine: Machine) -> None:
    machine.has(CARDS)
    assert [gpu.vendor for gpu in gpus(machine.root, machine.environment())] == ["intel"]
    machine.has({"dev/kfd": ""})
    found = gpus(machine.root, machine.environment())
    assert found == (Gpu("amd", "AMD GPU", 17163091968), Gpu("intel", "Intel GPU"))


def test_this_machine_is_looked_at_without_torch() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from qtui.device.gpus import gpus; gpus(); "
        "sys.exit('torch' in sys.modules or 'llama_cpp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
