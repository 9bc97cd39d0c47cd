import subprocess
import sys

import pytest

from qtui.engines import available
from qtui.errors import UserError


def test_what_is_installed_has_versions(needs_engines: None) -> None:
    states = {state.engine: state for state in available.engines()}
    assert set(states) == {"transformers", "llama.cpp", "openai"}
    assert all(state.is_installed and not state.remedy for state in states.values())
    assert states["transformers"].versions["torch"]
    assert "llama-cpp-python " in available.version_of("llama.cpp")


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(available.PACKAGES, "transformers", ("transformers", "no-such-distribution"))
    with pytest.raises(UserError, match=r'no-such-distribution.*pip install "qtui\[engines\]"'):
        available.version_of("transformers")
    (state,) = (state for state in available.engines() if state.engine == "transformers")
    assert not state.is_installed
    assert state.missing == ("no-such-distribution",)
    assert state.remedy == available.INSTALL


def test_a_hidden_gpu_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [available.accelerator(engine) for engine in available.PACKAGES] == ["cpu"] * 3


def test_asking_loads_no_engine() -> None:
    program = "import sys; from qtui.engines import available; available.engines(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert not set(done.stdout.split()) & {"torch", "transformers", "llama_cpp", "openai", "numpy"}
