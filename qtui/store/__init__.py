"""The store: one SQLite file that the runner writes and everything else reads.

`open_store` returns a connection; the other modules hold the statements by subject (runs, answers, grades, notes, leases).
"""

from qtui.store.connection import Store, open_store

__all__ = ["Store", "open_store"]
