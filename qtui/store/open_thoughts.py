"""Thoughts that no tag shows: a chat endpoint's template opened the thought, and the text was cut off before the closing tag.

qtui does not see the prompts of a chat endpoint. That its template opens thoughts is known from the other answers: most of them
begin inside a thought. Then a text without any tag is an unfinished thought and no answer.
"""

from qtui.store.connection import Store
from qtui.thinking import split

_ANSWERS = (
    "SELECT answer.id, answer.text, answer.whole, answer.thinking FROM variant_answer JOIN answer ON answer.id = answer_id"
    " WHERE variant_id = ?"
)


def mark_unfinished(store: Store, variant_id: int) -> int:
    """Make such texts of a variant thoughts, and set their grades aside. Return how many there were."""
    with store.writing():
        rows = store.execute(_ANSWERS, (variant_id,)).fetchall()
        begin_inside = sum(row["whole"] is not None and split(row["whole"]).begins_inside for row in rows)
        if 2 * begin_inside <= len(rows):
            return 0
        ids = [row["id"] for row in rows if row["whole"] is None and not row["thinking"] and row["text"].strip()]
        for answer_id in ids:
            store.execute(
                "UPDATE answer SET whole = text, thinking = text, text = '', thought_unfinished = 1 WHERE id = ?",
                (answer_id,),
            )
            store.execute(
                # Without the id, because ids of deleted grades are used again.
                "INSERT OR REPLACE INTO outdated_grade (key, answer_id, task_id, judge, fingerprint, take, grade, reason, seconds,"
                " created) SELECT key, answer_id, task_id, judge, fingerprint, take, grade, reason, seconds, created FROM grade"
                " WHERE answer_id = ? AND judge <> 'human'",
                (answer_id,),
            )
            store.execute("DELETE FROM grade WHERE answer_id = ? AND judge <> 'human'", (answer_id,))
    return len(ids)
