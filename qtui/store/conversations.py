"""The turns before an answer in its conversation: the questions, and the same variant's answers to them."""

from qtui.records import Turn
from qtui.store.connection import Store

Earlier = dict[tuple[int, int], tuple[Turn, ...]]
"""(id of the answer, id of the task) → the turns before it. Answers that begin a conversation are left out."""


def earlier_turns(store: Store, run_id: int, position: int | None = None) -> Earlier:
    """Return the turns before each answer of the run, or only of answers to the task at this position (from 1).

    Answers of two variants that are one row of the store have the same turns before them: their key covers these.
    """
    chain = _chain(store, run_id, position)
    if not chain:
        return {}
    rows = store.execute(
        "SELECT va.variant_id, va.sample, va.answer_id, task.id AS task_id, task.position, task.follows, task.input, answer.text"
        " FROM variant JOIN variant_answer va ON va.variant_id = variant.id JOIN task ON task.id = va.task_id"
        f" JOIN answer ON answer.id = va.answer_id WHERE variant.run_id = ? AND task.position IN ({','.join(map(str, chain))})"
        " ORDER BY variant.position, task.position",
        (run_id,),
    )
    whole: dict[tuple[int, int, int], tuple[Turn, ...]] = {}
    found: Earlier = {}
    for row in rows:
        before = whole.get((row["variant_id"], row["follows"], row["sample"]), ())
        whole[row["variant_id"], row["position"], row["sample"]] = (*before, Turn(row["input"], row["text"]))
        if row["follows"] is not None:
            found.setdefault((row["answer_id"], row["task_id"]), before)
    return found


def _chain(store: Store, run_id: int, position: int | None) -> set[int]:
    """The positions of all tasks in conversations of several turns, or of one task and those before it."""
    follows = {
        row["position"]: row["follows"]
        for row in store.execute(
            "SELECT task.position, task.follows FROM task JOIN run USING (task_set_id)"
            " WHERE run.id = ? AND task.follows IS NOT NULL",
            (run_id,),
        )
    }
    if position is None:
        return {*follows, *follows.values()}
    chain: set[int] = set()
    while position in follows:
        chain |= {position, follows[position]}
        position = follows[position]
    return chain
