"""What is looked for on this machine: programs that run, libraries that a toolkit may lack."""

from pathlib import Path

import pytest

from qtui.building import toolchain


def program(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_a_compiler_that_does_not_run_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "c++", "exit 1")
    program(tmp_path, "g++", "echo 'g++ (Debian) 12.2.0'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CXX", raising=False)
    found = toolchain.cxx_compiler()
    assert found
    assert (found.path.name, found.version) == ("g++", "g++ (Debian) 12.2.0")


def test_a_toolkit_that_is_not_on_the_path_is_found_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvcc = program(
        tmp_path / "cuda" / "bin", "nvcc", "echo nvcc; echo 'Cuda compilation tools, release 13.0, V13.0.88'"
    )
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "cuda"))
    found = toolchain.cuda_compiler()
    assert found
    assert (found.path, "13.0" in found.version) == (nvcc, True)


def test_a_whole_toolkit_needs_no_more_definitions(tmp_path: Path) -> None:
    nvcc = program(tmp_path / "bin", "nvcc", "true")
    for name in ("lib64/libcublas.so", "lib64/stubs/libcuda.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert toolchain.cuda_libraries(nvcc) == toolchain.CudaLibraries({}, has_cublas=True)


def test_cublas_of_the_packages_of_torch_stands_in_for_the_toolkits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvcc = program(tmp_path / "cuda" / "bin", "nvcc", "true")
    package = tmp_path / "site" / "nvidia" / "cu13"
    for name in ("lib/libcublas.so.13", "lib/libcublasLt.so.13", "include/cublas_v2.h", "include/cuda_runtime.h"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    monkeypatch.setattr(toolchain, "CUDA_FOLDERS", ())
    # torch may have brought these packages to the environment of the tests as well.
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path / "site"))
    found = toolchain.cuda_libraries(nvcc)
    assert found.has_cublas
    assert found.definitions["CUDA_cublas_LIBRARY"] == str(package / "lib" / "libcublas.so.13")
    headers = Path(found.definitions["CMAKE_CUDA_FLAGS"].removeprefix("-I"))
    assert [file.name for file in headers.iterdir()] == ["cublas_v2.h"], "another runtime's headers must not be seen"


def test_jobs_fit_memory_and_processors() -> None:
    assert toolchain.jobs(10_000.0) == 1
    assert 1 <= toolchain.jobs(0.001) <= 1024
