"""Until the workbench can be used, against the floor: importing Textual's app alone. Fresh processes, warm files."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.ratio import Ratio, measure

FIRST_FRAME = """
import asyncio, sys
from pathlib import Path
from qtui.ui.app import QtuiApp

async def main():
    app = QtuiApp(Path(sys.argv[1]))
    async with app.run_test(size=(120, 40)):
        pass

asyncio.run(main())
"""


def ratios() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.sqlite"
        _python(FIRST_FRAME, str(store))
        yield measure(
            "workbench to its first frame and closed again",
            lambda: _python(FIRST_FRAME, str(store)),
            "import textual.app",
            lambda: _python("import textual.app"),
        )
        yield measure(
            "qtui --version",
            lambda: _python("import sys; sys.argv = ['qtui', '--version']; from qtui.cli import main; main()"),
            "import click",
            lambda: _python("import click"),
        )


def _python(code: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
