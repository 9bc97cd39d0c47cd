"""Another machine's system files in a folder, and its tools in another."""

from collections.abc import Mapping
from pathlib import Path


class Machine:
    """`root` is what functions are pointed at; `tools` is a folder for PATH."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.tools = folder / "tools"
        self.root.mkdir()
        self.tools.mkdir()

    def has(self, files: Mapping[str, str | int]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    def has_tool(self, name: str, script: str) -> None:
        tool = self.tools / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)

    def environment(self, **variables: str) -> dict[str, str]:
        return {"PATH": f"{self.tools}:/usr/bin:/bin", **variables}
