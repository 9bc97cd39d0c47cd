"""A folder full of modules that say when one of them is imported: named as every module that a process of qtui may import."""

import importlib.metadata
import sys
from pathlib import Path

BODY = """
import os
descriptor = os.open({report!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(descriptor, b"{name} ")
os.close(descriptor)
"""


class HostileFolder:
    """`path` is the folder; `imported()` are the names of its modules that were imported by anyone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._report = path / "imported.txt"
        path.mkdir()
        for name in sorted(
            {*sys.stdlib_module_names, *importlib.metadata.packages_distributions(), "qtui", "usercustomize"}
        ):
            if name.isidentifier():
                (path / f"{name}.py").write_text(BODY.format(report=str(self._report), name=name))

    def imported(self) -> list[str]:
        return self._report.read_text().split() if self._report.exists() else []
