"""Libraries that cannot exist on a sound machine: a llama.cpp whose products are bad, and a torch built for other cards."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("library_double.c")

TORCH = '''
"""A torch that finds a card for which it has no kernels, or computes wrongly on it."""
import os
import numpy as np

__version__ = "9.9.0"
float32, float16, bfloat16 = np.float32, np.float16, np.float32


class Tensor:
    def __init__(self, values, device="cpu"):
        self.values, self.device = values, device

    def to(self, target):
        return Tensor(self.values, target) if isinstance(target, str) else Tensor(self.values.astype(target), self.device)

    def double(self):
        return Tensor(self.values.astype(np.float64))

    def cpu(self):
        return Tensor(self.values)

    def __matmul__(self, other):
        if self.device != "cpu" and os.environ["QTUI_DOUBLE_FAULT"] == "architecture":
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device\\nCompile with TORCH_USE")
        product = self.values @ other.values
        if self.device != "cpu" and os.environ["QTUI_DOUBLE_FAULT"] == "wrong":
            product = product * 1.5
        return Tensor(product, self.device)

    def __sub__(self, other):
        return Tensor(self.values - other.values)

    def __truediv__(self, other):
        return Tensor(self.values / other.values)

    def __float__(self):
        return float(self.values)

    def pow(self, power):
        return Tensor(self.values**power)

    def mean(self):
        return Tensor(self.values.mean())

    def sqrt(self):
        return Tensor(np.sqrt(self.values))


class Generator:
    def manual_seed(self, seed):
        self.random = np.random.default_rng(seed)
        return self


def randn(*shape, generator, dtype):
    return Tensor(generator.random.standard_normal(shape).astype(dtype))


def zeros(*shape, device):
    return Tensor(np.zeros(shape), device)


class version:
    cuda, hip = "13.0", None


class cuda:
    @staticmethod
    def is_available():
        if os.environ["QTUI_DOUBLE_FAULT"] == "driver":
            import warnings
            warnings.warn("The NVIDIA driver on your system is too old (found version 12020).")
            return False
        return True

    device_count = staticmethod(lambda: 1)
    get_device_name = staticmethod(lambda place: "NVIDIA Old Card")
    get_arch_list = staticmethod(lambda: ["sm_90", "sm_100"])
'''


def llama_cpp(folder: Path) -> Path:
    """A folder for PYTHONPATH with the real package, whose libllama has `library_double.c` in front."""
    import llama_cpp as installed

    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler for the test double of the library")
    real = Path(installed.__file__).parent
    package = folder / "llama_cpp"
    (package / "lib").mkdir(parents=True)
    for file in real.iterdir():
        if file.name not in ("lib", "__pycache__"):
            (package / file.name).symlink_to(file)
    for file in (real / "lib").iterdir():
        if file.name != "libllama.so":
            (package / "lib" / file.name).symlink_to(file)
    command = [
        compiler,
        "-shared",
        "-fPIC",
        "-o",
        str(package / "lib" / "libllama.so"),
        str(SOURCE),
        "-Wl,--no-as-needed",
    ]
    subprocess.run([*command, f"-L{real / 'lib'}", "-l:libllama.so.0", "-Wl,-rpath,$ORIGIN", "-ldl"], check=True)
    return folder


def torch(folder: Path) -> Path:
    """A folder for PYTHONPATH with a small stand-in for torch, made of numpy."""
    package = folder / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(TORCH)
    (package / "version.py").write_text("cuda = '13.0'\nhip = None\n")
    return folder


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, fault: str, buffer: str = "") -> None:
    """Children find the double first, and the fault is theirs."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", ""))))
    monkeypatch.setenv("QTUI_DOUBLE_FAULT", fault)
    monkeypatch.setenv("QTUI_DOUBLE_BUFFER", buffer)
