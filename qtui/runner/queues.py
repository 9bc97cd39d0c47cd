"""The queue of a judge's questions: of single answers, or of pairs of answers if it compares."""

from qtui.runner.pair_queue import PairQueue
from qtui.runner.question_queue import QuestionQueue
from qtui.store import Store
from qtui.store.judges import StoredJudge

Queue = QuestionQueue | PairQueue


def queue_of(store: Store, judge: StoredJudge, takes: int, *, again: bool = False) -> Queue:
    """Return the queue of what the judge was not asked yet; with `again`, also what is *ungraded* now, once."""
    return (PairQueue if judge.is_pairwise else QuestionQueue)(store, judge, takes, again=again)
