"""What a machine without a network lacks, in one folder: `python -m tests.gpu_proof.bundle`.

Wheels for its Python, llama-cpp-python's sources without what a library does not need, and llama-batched-bench as the
yardstick: compiled here, it runs with the libraries that are built there.
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from qtui.building import recipe

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / ".gpu-bundle"

PACKAGES = (
    "annotated-types", "click", "colorama", "diskcache", "distro", "gguf", "httpcore2", "httpx2", "jinja2", "jiter",
    "linkify-it-py", "markdown-it-py", "mdit-py-plugins", "mdurl", "msgspec", "openai", "platformdirs", "plotext",
    "portalocker", "psutil", "pydantic", "pydantic_core", "Pygments", "python-dateutil", "RapidFuzz", "rich", "sacrebleu",
    "six", "sniffio", "tabulate", "textual", "truststore", "typing_extensions", "typing-inspection", "uc-micro-py",
)  # fmt: skip
"""Beside torch, transformers and their like, which are there."""
BITSANDBYTES = "bitsandbytes"
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014", "manylinux1")
KEPT_SOURCES = ("CMakeLists.txt", "LICENSE", "ggml", "src", "include", "cmake", "common", "vendor", "licenses")
LIMIT_BYTES = 60 * 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default="3.12", help="The Python there.")
    parser.add_argument("--cuda", default="130", help="The CUDA that its torch is built for, for bitsandbytes.")
    arguments = parser.parse_args()
    shutil.rmtree(BUNDLE, ignore_errors=True)
    wheels = BUNDLE / "wheels"
    wheels.mkdir(parents=True)
    for name in PACKAGES:
        _download(name, arguments.python, wheels)
    _download_bitsandbytes(arguments.python, arguments.cuda, wheels)
    with tempfile.TemporaryDirectory() as scratch:
        sources = _sources(Path(scratch))
        _pack(sources, BUNDLE / f"llama_cpp_python-{recipe.VERSION}.tar.xz")
        _build_batched_bench(sources, Path(scratch) / "build", BUNDLE / "llama-batched-bench")
    size = sum(file.stat().st_size for file in BUNDLE.rglob("*") if file.is_file())
    print(f"{BUNDLE}: {size / 2**20:.1f} MiB")
    if size > LIMIT_BYTES:
        sys.exit(f"more than {LIMIT_BYTES >> 20} MiB")


def _download(name: str, python: str, target: Path) -> None:
    version = _pinned(name)
    words = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--python-version",
        python,
    ]
    words += ["--implementation", "cp", "--dest", str(target)]
    words += [word for platform in PLATFORMS for word in ("--platform", f"{platform}_x86_64")]
    subprocess.run([*words, f"{name}=={version}" if version else name], check=True)


def _pinned(name: str) -> str:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    return pins.get(name, "")


def _download_bitsandbytes(python: str, cuda: str, target: Path) -> None:
    """Its wheel has a library for each CUDA; one is needed."""
    with tempfile.TemporaryDirectory() as scratch:
        _download(BITSANDBYTES, python, Path(scratch))
        whole = next(Path(scratch).glob("*.whl"))
        with zipfile.ZipFile(whole) as source, zipfile.ZipFile(target / whole.name, "w", zipfile.ZIP_DEFLATED) as small:
            for member in source.infolist():
                is_library = member.filename.endswith(".so")
                if not is_library or member.filename.endswith((f"cuda{cuda}.so", "cpu.so")):
                    small.writestr(member, source.read(member))


def _sources(scratch: Path) -> Path:
    """llama-cpp-python's source distribution, unpacked."""
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(scratch / "tools"), "scikit-build-core"],
        check=True,
    )
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", recipe.DISTRIBUTION]
    words += ["--no-build-isolation", "--dest", str(scratch), f"{recipe.DISTRIBUTION}=={recipe.VERSION}"]
    subprocess.run(
        words, check=True, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(scratch / "tools"), **_pip_settings()}
    )
    archive = next(scratch.glob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(scratch, filter="data")
    return next(scratch.glob("llama_cpp_python-*/"))


def _pip_settings() -> dict[str, str]:
    import os

    return {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "HTTP", "http", "SSL_", "HOME"))
    }


def _pack(sources: Path, target: Path) -> None:
    with tarfile.open(target, "w:xz") as tar:
        for name in ("CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE.md", "llama_cpp"):
            tar.add(sources / name, f"{sources.name}/{name}")
        for name in KEPT_SOURCES:
            path = sources / "vendor" / "llama.cpp" / name
            if path.exists():
                tar.add(path, f"{sources.name}/vendor/llama.cpp/{name}")


def _build_batched_bench(sources: Path, build: Path, target: Path) -> None:
    """Linked with the shared libraries by their names alone, whatever back end they were built with."""
    options = {
        "LLAMA_BUILD_TESTS": "OFF",
        "LLAMA_BUILD_EXAMPLES": "OFF",
        "LLAMA_BUILD_SERVER": "OFF",
        "LLAMA_BUILD_APP": "OFF",
    }
    options |= {"LLAMA_CURL": "OFF", "BUILD_SHARED_LIBS": "ON", "GGML_NATIVE": "OFF", "CMAKE_BUILD_TYPE": "Release"}
    source = sources / "vendor" / "llama.cpp"
    subprocess.run(
        ["cmake", "-S", source, "-B", build, *(f"-D{name}={value}" for name, value in options.items())], check=True
    )
    subprocess.run(["cmake", "--build", build, "--target", "llama-batched-bench", "--parallel"], check=True)
    shutil.copy(next(build.rglob("llama-batched-bench")), target)
    for name in ("libllama-common.so.*", "libllama-batched-bench-impl.so"):
        for library in build.rglob(name):
            shutil.copy(library, target.with_name(library.name))


if __name__ == "__main__":
    main()
