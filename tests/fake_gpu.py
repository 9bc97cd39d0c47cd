"""A machine with a GPU, for tests of what is said where engines cannot use it. No GPU exists where the tests run."""

import os
from pathlib import Path

import pytest

NAME = "NVIDIA Test Card"

_CUSTOMIZE = f'''
from qtui.device import gpus as device

device.gpus = lambda *_, **__: (device.Gpu("nvidia", "{NAME}", 80 << 30, "580.1", "9.0"),)
'''


def plug_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """This process and its children see the card."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_CUSTOMIZE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", ""))))
    from qtui.device import gpus as device

    card = device.Gpu("nvidia", NAME, 80 << 30, "580.1", "9.0")
    monkeypatch.setattr(device, "gpus", lambda *_, **__: (card,))
