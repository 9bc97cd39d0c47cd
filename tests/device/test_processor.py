"""Processors that are described by their system files, and this one."""

from qtui.device.processor import processor
from tests.device.machine import Machine

XEON = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu smep sse4_2 avx avx2 f16c fma bmi2 avx512f avx512_vnni avx_vnni amx_bf16 amx_tile hypervisor

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
GRAVITON = """processor\t: 0
Features\t: fp asimd evtstrm aes asimdhp asimddp sve bf16 i8mm sha3
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""


def test_x86_processor_has_its_name_and_the_flags_that_matter(machine: Machine) -> None:
    machine.has({"proc/cpuinfo": XEON})
    found = processor(machine.root)
    assert found.model == "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"
    assert " ".join(found.flags) == "amx_bf16 amx_tile avx avx2 avx512_vnni avx512f avx_vnni bmi2 f16c fma"


def test_arm_processor_is_named_by_its_numbers(machine: Machine) -> None:
    machine.has({"proc/cpuinfo": GRAVITON})
    found = processor(machine.root)
    assert found.model == "implementer 0x41 part 0xd40"
    assert " ".join(found.flags) == "asimd asimddp asimdhp bf16 i8mm sve"


def test_machine_that_tells_nothing_is_no_error(machine: Machine) -> None:
    found = processor(machine.root)
    assert found.flags == ()
    assert 1 <= found.usable <= found.count
