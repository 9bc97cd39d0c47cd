"""A small library built as llama.cpp is: through pip, CMake and the same settings, without fetching anything."""

import json
import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from qtui.building import recipe, wheel
from qtui.building.recipe import Recipe
from qtui.errors import UserError

CMAKE = """
cmake_minimum_required(VERSION 3.21)
project(llama_cpp C CXX)
set(LLAMA_BUILD_COMMON ON CACHE BOOL "" FORCE)
if (LLAMA_BUILD_COMMON)
    message(FATAL_ERROR "the common library would be built")
endif()
add_library(llama SHARED llama.cpp)
get_directory_property(options COMPILE_OPTIONS)
file(WRITE ${CMAKE_BINARY_DIR}/options.txt "${options}")
install(TARGETS llama LIBRARY DESTINATION ${SKBUILD_PLATLIB_DIR}/llama_cpp/lib)
install(FILES ${CMAKE_BINARY_DIR}/options.txt DESTINATION ${SKBUILD_PLATLIB_DIR}/llama_cpp/lib)
install(FILES llama.cpp DESTINATION ${SKBUILD_PLATLIB_DIR}/include)
"""
PROJECT = """
[build-system]
requires = ["scikit-build-core"]
build-backend = "scikit_build_core.build"
[project]
name = "llama_cpp_python"
version = "0.3.36"
[tool.scikit-build]
wheel.packages = ["llama_cpp"]
wheel.py-api = "py3"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for package in ("scikit_build_core", "ninja"):
        if not find_spec(package):
            pytest.skip(f"{package} is not installed")
    if not shutil.which("cmake") or not shutil.which("c++"):
        pytest.skip("needs cmake and a C++ compiler")
    folder = tmp_path / "source"
    (folder / "llama_cpp").mkdir(parents=True)
    (folder / "llama_cpp" / "__init__.py").touch()
    (folder / "CMakeLists.txt").write_text(CMAKE)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "llama.cpp").write_text('extern "C" int answer() { return 42; }\n')
    return folder


def build(source: Path, wanted: Recipe) -> tuple[Path, list[wheel.Step]]:
    steps: list[wheel.Step] = []
    return wheel.build(wanted, steps.append, source=str(source), is_offline=True, jobs=1), steps


def test_the_wheel_has_the_library_built_with_our_flags_and_a_record_of_its_build(source: Path) -> None:
    wanted = recipe.for_machine("cpu")
    made, steps = build(source, wanted)
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
        assert "llama_cpp/lib/libllama.so" in names
        assert json.loads(archive.read("llama_cpp/lib/qtui-build.json"))["fingerprint"] == wanted.fingerprint
        options = archive.read("llama_cpp/lib/options.txt").decode()
    assert "-fno-tree-dse" in options
    assert "-fno-dse" in options
    assert not [name for name in names if name.startswith(("include/", "lib/"))]
    assert any(step.fraction for step in steps), "compiling tells how far it is"


def test_a_wheel_is_found_again_by_its_own_recipe_alone(source: Path) -> None:
    wanted, other = recipe.for_machine("cpu"), recipe.for_machine("cpu", portable=True)
    assert wheel.cached(wanted) is None
    made, _ = build(source, wanted)
    assert wheel.cached(wanted) == made
    assert wheel.cached(other) is None


def test_a_build_that_fails_says_why_names_its_log_and_leaves_no_wheel(source: Path) -> None:
    (source / "llama.cpp").write_text("this is no C++;\n")
    wanted = recipe.for_machine("cpu")
    with pytest.raises(UserError, match=r"error.*Full output: .*build\.log"):
        build(source, wanted)
    assert wheel.cached(wanted) is None


def test_old_wheels_are_forgotten_but_for_a_few(source: Path) -> None:
    versions = [recipe.for_machine("cpu", version=f"0.3.{number}") for number in range(wheel.KEPT_WHEELS + 2)]
    for wanted in versions:
        build(source, wanted)
    assert sum(wheel.cached(wanted) is not None for wanted in versions) == wheel.KEPT_WHEELS
    assert wheel.cached(versions[-1])
