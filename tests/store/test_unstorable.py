"""Values that SQLite cannot hold are an error of the store's family, and no defect."""

from pathlib import Path

import pytest

from qtui.store import open_store
from qtui.store.errors import UnstorableError


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "a\udcffb"])
def test_a_value_that_no_store_holds_is_an_error_of_the_store(value: object, tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.sqlite")
    with pytest.raises(UnstorableError, match=r"s\.sqlite: cannot hold what it was given"):
        store.execute("SELECT ?", (value,))
    store.close()
