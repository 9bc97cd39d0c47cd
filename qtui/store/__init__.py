"""The file in the middle: one SQLite file that the runner writes and everything else reads.

`open_store` gives a connection; the modules beside it hold the statements by subject (runs, answers, grades, notes, leases).
"""

from qtui.store.connection import Store, open_store

__all__ = ["Store", "open_store"]
