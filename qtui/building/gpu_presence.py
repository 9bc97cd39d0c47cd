"""Whether a GPU is in this machine, looked up in the system's own listings: before any package is installed."""

import subprocess
from pathlib import Path

SECONDS = 20


def nvidia_names() -> list[str]:
    """The NVIDIA GPUs by name; `NVIDIA GPU` where a device is there and nothing tells its name."""
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=SECONDS, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        names = [line.strip() for line in asked.stdout.splitlines() if line.strip()]
    except (OSError, subprocess.SubprocessError):
        names = []
    present = any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg"))
    return names or (["NVIDIA GPU"] if present else [])


def has_amd() -> bool:
    """An AMD GPU with the compute driver."""
    nodes = Path("/sys/class/kfd/kfd/topology/nodes")
    return Path("/dev/kfd").exists() and nodes.is_dir()
