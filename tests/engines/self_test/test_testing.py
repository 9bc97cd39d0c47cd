"""The self test on the real library, and on doubles that crash, compute wrongly, hang or cannot be loaded."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from qtui import paths
from qtui.device.gpus import Gpu
from qtui.engines import available, compute
from qtui.engines.device_choice import Compute
from qtui.engines.self_test import testing
from qtui.engines.self_test.messages import CaseName
from qtui.engines.weights.gguf_file import TENSOR_TYPES
from qtui.errors import UserError
from qtui.processes import child_process
from tests.engines.self_test import doubles

pytestmark = pytest.mark.usefixtures("needs_engines")

Q4_K, F16 = str(TENSOR_TYPES["Q4_K"]), str(TENSOR_TYPES["F16"])


class Double(Protocol):
    def __call__(self, fault: str, buffer: str = "") -> None: ...


@pytest.fixture(scope="module")
def double_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return doubles.llama_cpp(tmp_path_factory.mktemp("double"))


@pytest.fixture
def double(double_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Double:
    def use(fault: str, buffer: str = "") -> None:
        doubles.use(monkeypatch, double_folder, fault, buffer)

    return use


@pytest.fixture
def rearranging(needs_engines: None) -> str:
    """The name of a buffer in which the real library rearranges Q4_K on this processor."""
    tested = run([Q4_K], "the real one")
    names = [
        case.buffer for case, outcome in tested.outcomes.items() if case.buffer != "plain" and outcome.state == "right"
    ]
    if not names:
        pytest.skip("llama.cpp rearranges no Q4_K on this processor")
    return names[0]


def run(types: list[str], identity: str = "a library", *, experts: bool = False) -> testing.Test:
    return testing.test("ggml", identity, types, experts=experts, report=lambda _: None)


def chosen(types: list[str], *, allows_cpu: bool = False) -> Compute:
    return compute.for_ggml(types, experts=False, allows_cpu=allows_cpu, report=lambda _: None)


def test_the_products_of_the_installed_library_are_right() -> None:
    names = ("F32", "F16", "BF16", "Q8_0", "Q6_K", "Q4_K", "Q2_K", "Q4_0", "IQ4_NL")
    tested = run([str(TENSOR_TYPES[name]) for name in names], experts=True)
    assert not tested.broken
    assert {outcome.reason for outcome in tested.outcomes.values()} == {""}
    assert {outcome.state for outcome in tested.outcomes.values()} <= {"right", "not offered"}
    plain = [case for case, outcome in tested.outcomes.items() if case.buffer == "plain" and outcome.state == "right"]
    assert len(plain) == 2 * len(names)
    assert "CPU" in tested.report["features"]


def test_a_second_time_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run([F16])
    told: list[str] = []

    def no_test(module: str) -> list[str]:
        told.append("run")
        return ["true"]

    monkeypatch.setattr("qtui.processes.child_process.command", no_test)
    assert run([F16]).outcomes == first.outcomes
    assert told == []
    run([F16], "another library")
    assert told == ["run"]


def test_what_is_kept_and_damaged_is_tested_again() -> None:
    run([F16])
    (paths.cache() / "self-test.json").write_text('{"version": 1, "outcomes": {"a library": {"devices": 7}}}')
    assert {outcome.state for outcome in run([F16]).outcomes.values()} - {"not offered"} == {"right"}


def test_a_crash_is_found_and_the_other_products_are_tried_all_the_same(double: Double, rearranging: str) -> None:
    double("crash", rearranging)
    tested = run([F16, Q4_K])
    crashed = {case: outcome for case, outcome in tested.outcomes.items() if outcome.state == "crashed"}
    assert CaseName(Q4_K, "CPU", rearranging) in crashed
    assert {case.buffer for case in crashed} == {rearranging}, "AMX is offered F16 as well"
    assert all("SIGSEGV" in outcome.reason for outcome in crashed.values())
    assert tested.outcomes[CaseName(Q4_K, "CPU")].state == "right"
    assert tested.outcomes[CaseName(F16, "CPU")].state == "right"


@pytest.mark.parametrize(("fault", "words"), [("wrong", "has an error of"), ("nan", "NaN or infinity")])
def test_wrong_products_are_found(fault: str, words: str, double: Double, rearranging: str) -> None:
    double(fault, rearranging)
    outcome = run([Q4_K]).outcomes[CaseName(Q4_K, "CPU", rearranging)]
    assert outcome.state == "wrong"
    assert words in outcome.reason


def test_a_product_that_never_ends_is_found(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    double("hang", "CPU")
    monkeypatch.setattr(testing, "SECONDS", 3.0)
    outcome = run([F16]).outcomes[CaseName(F16, "CPU")]
    assert outcome.state == "untested"
    assert "no result within" in outcome.reason
    assert outcome.case not in testing.stored_outcomes("a library").outcomes, "the machine may have been busy"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_test_that_is_killed_says_nothing_of_the_library(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once by chance: the test is made again. Each time: nothing is known, and nothing is kept."""
    real = child_process.command
    starts: list[str] = []

    def killed(module: str) -> list[str]:
        starts.append(module)
        is_first = len(starts) == 1
        return child_process.code_command(f"import os; os.kill(os.getpid(), {number})") if is_first else real(module)

    monkeypatch.setattr(child_process, "command", killed)
    assert {outcome.state for outcome in run([F16]).outcomes.values()} - {"not offered"} == {"right"}

    always = child_process.code_command(f"import os; os.kill(os.getpid(), {number})")
    monkeypatch.setattr(child_process, "command", lambda _: always)
    tested = run([F16], "another library")
    assert signal.Signals(number).name in tested.untested
    assert not tested.broken
    assert testing.stored_outcomes("another library").devices == []
    with pytest.raises(UserError, match="could not be tested on this machine"):
        chosen([F16])


def test_a_package_that_is_missing_is_no_fault_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = child_process.code_command("import a_package_that_nobody_has")
    monkeypatch.setattr(child_process, "command", lambda _: broken)
    tested = run([F16])
    assert "No module named 'a_package_that_nobody_has'" in tested.untested
    assert not testing.stored_outcomes("a library").outcomes


def test_what_is_asked_for_again_is_tested_again() -> None:
    run([F16])
    testing.forget("a library")
    assert not testing.stored_outcomes("a library").outcomes


def test_kernels_that_fail_are_left_and_the_note_says_what_mends_it(double: Double, rearranging: str) -> None:
    double("crash", rearranging)
    found = chosen([Q4_K, F16])
    assert (found.accelerator, found.rearranges_weights) == ("cpu", False)
    assert rearranging in found.notes[0]
    assert "qtui engines" in found.notes[0]


def test_a_sound_library_uses_its_fast_kernels_for_quantized_weights_alone() -> None:
    assert chosen([Q4_K, F16]).rearranges_weights
    assert not chosen([F16, Q4_K]).rearranges_weights, "F16 is slower and no more exact with rearranged weights"
    assert chosen([Q4_K]).notes == ()


def test_a_processor_on_which_nothing_is_right_ends_the_variant_with_the_remedy(double: Double) -> None:
    double("wrong", "CPU")
    with pytest.raises(UserError, match=r"computes wrong results on this processor: .*Q4_K.*make engines"):
        chosen([Q4_K])


def test_a_library_of_another_processor_is_said_before_it_is_loaded(double: Double) -> None:
    double("load")
    with pytest.raises(UserError, match=r"cannot be loaded on this machine: .*SIGILL.*qtui engines"):
        chosen([Q4_K])


def test_a_worker_answers_without_the_kernels_that_crash(double: Double, rearranging: str, tmp_path: Path) -> None:
    from qtui.engines.protocol.answering import Answered, Loaded, Planned
    from tests.engines.conftest import QUESTIONS, job, variant
    from tests.engines.worker_process import WorkerProcess

    double("crash", rearranging)
    with WorkerProcess(tmp_path / "log") as worker:
        heard = worker.run(job(variant("llama.cpp", "demo", "Q4_K_M")))
    planned = next(message for message in heard if isinstance(message, Planned))
    assert rearranging in (planned.facts.compute_notes or ("",))[0]
    loaded = next(message for message in heard if isinstance(message, Loaded))
    assert loaded.facts.rearranges_weights is False
    assert sum(isinstance(message, Answered) for message in heard) == len(QUESTIONS)


# torch


@pytest.fixture
def old_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A machine with an NVIDIA card, and a torch that is built for CUDA and does not fit it."""
    folder = doubles.torch(tmp_path / "double")
    monkeypatch.setattr(
        "qtui.engines.available.gpus.gpus", lambda **_: (Gpu("nvidia", "NVIDIA Old Card", driver="535.1"),)
    )
    monkeypatch.setattr(available, "package_folders", lambda name: [folder / name])
    return lambda fault: doubles.use(monkeypatch, folder, fault)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("architecture", r"no kernel image.*kernels for sm_90 sm_100"),
        ("wrong", r"an error of 50"),
        ("driver", r"driver on your system is too old"),
    ],
)
def test_a_torch_that_does_not_fit_the_card_is_a_sentence(
    fault: str, words: str, old_card: Callable[[str], None]
) -> None:
    old_card(fault)
    with pytest.raises(UserError, match=words + r".*start with --cpu"):
        compute.for_torch("float16", allows_cpu=False, report=lambda _: None)


def test_with_the_users_word_the_cpu_computes_and_the_reason_is_a_note(old_card: Callable[[str], None]) -> None:
    old_card("architecture")
    found = compute.for_torch("float16", allows_cpu=True, report=lambda _: None)
    assert found.accelerator == "cpu"
    assert "no kernel image" in found.notes[0]
    assert found.report["architectures"] == "sm_90 sm_100"


def test_a_gpu_that_llama_cpp_does_not_find_wants_the_users_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Built for CUDA, on a machine whose driver does not answer, say."""
    monkeypatch.setattr(available, "accelerator", lambda engine: "cuda")
    with pytest.raises(UserError, match=r"finds no usable GPU.*--cpu"):
        chosen([Q4_K])
    found = chosen([Q4_K], allows_cpu=True)
    assert (found.accelerator, len(found.notes)) == ("cpu", 1)
