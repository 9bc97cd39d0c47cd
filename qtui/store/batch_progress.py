"""How far the batches of a run's judges are, as its readers show it."""

from collections.abc import Sequence

from qtui.run_progress import BatchProgress
from qtui.store.connection import Store


def progress(store: Store, run_ids: Sequence[int] | None) -> dict[tuple[int, str, str], list[BatchProgress]]:
    """Return the batches of runs (None is all runs) by (run, label, fingerprint), the oldest first."""
    where = "run_id IS NOT NULL" if run_ids is None else f"run_id IN ({','.join('?' * len(run_ids))})"
    found: dict[tuple[int, str, str], list[BatchProgress]] = {}
    for row in store.execute(f"SELECT * FROM batch WHERE {where} ORDER BY id", tuple(run_ids or ())):
        found.setdefault((row["run_id"], row["judge"], row["fingerprint"]), []).append(
            BatchProgress(
                batch_id=row["batch_id"],
                state=row["state"],
                status=row["status"],
                reason=row["reason"],
                requests=row["requests"],
                completed=row["completed"],
                failed=row["failed"],
                submitted=row["submitted"],
                seen=row["seen"],
            )
        )
    return found
