"""A person's stars and comments on a task of a model in a run."""

from dataclasses import dataclass

from qtui.store.connection import Store


@dataclass(frozen=True, slots=True)
class Note:
    starred: bool = False
    comment: str = ""


def of_model(store: Store, run_id: int, model: str) -> dict[int, Note]:
    """Return the notes by 1-based task position."""
    rows = store.execute(
        "SELECT task.position, note.starred, note.comment FROM note JOIN task ON task.id = note.task_id"
        " WHERE note.run_id = ? AND note.model = ?",
        (run_id, model),
    )
    return {row["position"]: Note(bool(row["starred"]), row["comment"]) for row in rows}


def put(store: Store, run_id: int, model: str, task: int, note: Note) -> None:
    """Write the note on a task (its 1-based position). An empty note is removed."""
    with store.writing():
        where = (run_id, model, run_id, task)
        task_id = "(SELECT task.id FROM task JOIN run USING (task_set_id) WHERE run.id = ? AND task.position = ?)"
        if note == Note():
            store.execute(f"DELETE FROM note WHERE run_id = ? AND model = ? AND task_id = {task_id}", where)
        else:
            store.execute(
                f"INSERT OR REPLACE INTO note (run_id, model, task_id, starred, comment) VALUES (?,?,{task_id},?,?)",
                (*where, note.starred, note.comment),
            )
