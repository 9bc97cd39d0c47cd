"""What decides a build is in its fingerprint, and the release is the one that everything is tested with."""

from pathlib import Path

import pytest

from qtui.building import recipe, toolchain
from qtui.building.toolchain import Compiler, CudaLibraries
from qtui.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def compilers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a C++ compiler and no GPU."""
    for name in ("c_compiler", "cxx_compiler"):
        monkeypatch.setattr(toolchain, name, lambda: Compiler(Path("/usr/bin/c++"), "c++ 12.2.0"))
    for name in ("cuda_compiler", "hip_compiler", "shader_compiler"):
        monkeypatch.setattr(toolchain, name, lambda: None)
    has_gpu(monkeypatch)


def has_gpu(monkeypatch: pytest.MonkeyPatch, **names: str) -> None:
    """The machine has these GPUs, by maker."""
    monkeypatch.setattr(recipe, "gpu_names", lambda vendor: [names[vendor]] if vendor in names else [])


def with_nvcc(monkeypatch: pytest.MonkeyPatch, *, cublas: bool = True) -> None:
    has_gpu(monkeypatch, nvidia="NVIDIA H100")
    monkeypatch.setattr(toolchain, "cuda_compiler", lambda: Compiler(Path("/usr/local/cuda/bin/nvcc"), "release 13.0"))
    monkeypatch.setattr(toolchain, "cuda_libraries", lambda _: CudaLibraries({}, cublas))


def test_the_release_is_the_one_of_the_constraints() -> None:
    assert f"llama_cpp_python=={recipe.VERSION}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_both_flags_that_keep_the_stores_to_the_tile_configuration_are_given_to_gcc() -> None:
    text = recipe.CMAKE_FILE.read_text()
    for language in ("C", "CXX"):
        assert f"$<$<COMPILE_LANG_AND_ID:{language},GNU>:-fno-tree-dse;-fno-dse>" in text


def test_equal_machines_have_one_fingerprint() -> None:
    assert recipe.for_machine("cpu").fingerprint == recipe.for_machine("cpu").fingerprint


def test_another_processor_compiler_or_kind_of_build_has_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {recipe.for_machine("cpu").fingerprint, recipe.for_machine("cpu", portable=True).fingerprint}
    known.add(recipe.for_machine("cpu", version="0.3.35").fingerprint)
    monkeypatch.setattr(toolchain, "cxx_compiler", lambda: Compiler(Path("/usr/bin/c++"), "c++ 13.1.0"))
    known.add(recipe.for_machine("cpu").fingerprint)
    monkeypatch.setattr(toolchain, "processor", lambda: "another processor")
    known.add(recipe.for_machine("cpu").fingerprint)
    assert len(known) == 5


def test_a_portable_build_does_not_depend_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    here = recipe.for_machine("cpu", portable=True)
    monkeypatch.setattr(toolchain, "processor", lambda: "another processor")
    assert recipe.for_machine("cpu", portable=True).fingerprint == here.fingerprint
    assert ("GGML_NATIVE", "OFF") in here.definitions


def test_with_an_nvidia_gpu_and_nvcc_the_card_is_built_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with_nvcc(monkeypatch)
    choice = recipe.choose()
    assert (choice.backend, choice.notice) == ("cuda", "")
    definitions = dict(recipe.for_machine("cuda").definitions)
    assert definitions["GGML_CUDA"] == "ON"
    assert definitions["CMAKE_CUDA_ARCHITECTURES"] == "native"


def test_a_gpu_without_its_compiler_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    has_gpu(monkeypatch, nvidia="NVIDIA H100")
    choice = recipe.choose()
    assert choice.backend == "cpu"
    assert "NVIDIA H100" in choice.notice
    assert "nvidia-cuda-toolkit" in choice.notice
    has_gpu(monkeypatch, amd="AMD GPU gfx90a")
    assert "hipcc" in recipe.choose().notice


def test_a_toolkit_without_cublas_waits_for_the_packages_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    with_nvcc(monkeypatch, cublas=False)
    assert recipe.needs_packages_first()
    assert recipe.choose().backend == "cpu"
    with_nvcc(monkeypatch)
    assert not recipe.needs_packages_first()


@pytest.mark.parametrize(
    ("backend", "package"), [("cuda", "nvidia-cuda-toolkit"), ("rocm", "hipcc"), ("vulkan", "glslc")]
)
def test_a_back_end_whose_compiler_is_missing_names_the_package(backend: recipe.Backend, package: str) -> None:
    with pytest.raises(UserError, match=package):
        recipe.for_machine(backend)


def test_no_compiler_at_all_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "cxx_compiler", lambda: None)
    with pytest.raises(UserError, match=r"apt install g\+\+"):
        recipe.for_machine("cpu")


def test_the_command_for_pip_asks_no_cache_and_has_the_same_settings() -> None:
    command = recipe.pip_command(recipe.for_machine("cpu"))
    assert "--no-cache-dir" in command
    assert "--no-binary llama-cpp-python" in command
    assert "CMAKE_PROJECT_llama_cpp_INCLUDE" in command
