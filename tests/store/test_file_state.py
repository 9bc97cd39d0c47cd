"""The state of a store's file is read without a lock of a connection being lost by it."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from qtui.store import file_state, notes, open_store
from tests.ui.conftest import fill

OPEN_AND_CLOSE = "import sys, pathlib; from qtui.store import open_store; open_store(pathlib.Path(sys.argv[1])).close()"


def test_reading_the_state_costs_no_connection_its_locks(tmp_path: Path) -> None:
    """A process that thinks that it is the last one deletes the log, and what others write into it is lost."""
    path = tmp_path / "s.sqlite"
    with closing(open_store(path)) as store:
        run = fill(store)
        file_state.of_file(path)
        subprocess.run([sys.executable, "-c", OPEN_AND_CLOSE, str(path)], check=True)
        notes.put(store, run, "org/small", 1, notes.Note(comment="kept"))
        with closing(open_store(path)) as other:
            assert notes.of_model(other, run, "org/small")[1].comment == "kept"
    with closing(open_store(path)) as other:
        assert notes.of_model(other, run, "org/small")[1].comment == "kept"
