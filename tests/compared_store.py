"""A store with a run that a judge has graded, and another one has compared: wins, losses, turned preferences, a reply in vain."""

from dataclasses import asdict

from qtui.judges import fingerprint
from qtui.judges.protocol import unasked_reply
from qtui.records import NOTHING_USED, Answer, Choice, Grade, JudgeSpec, Task, TaskSet, content_hash
from qtui.runner.pair_queue import PairQueue
from qtui.runner.questions import grade_key, place_of, question_of
from qtui.store import Store, grades, judges
from qtui.store.preferences import PendingPair
from tests import stores

ARBITER = JudgeSpec("openai", model="arbiter", base_url="http://127.0.0.1:9/v1", pairwise=True)
TASKS = TaskSet("duels", tuple(Task(f"動物を{i}匹挙げて", f"猫{i}", "数") for i in range(1, 21)))
VARIANTS = ("FP16", "Q8_0", "Q2_K")


def fill(store: Store) -> int:
    """Return the run's id. Q8_0 wins tasks 1 to 4 and answers 11 to 20 as the baseline does; Q2_K loses 1 to 15, 16 turns."""
    run_id = stores.new_run(store, "duels", TASKS, stores.variants(TASKS, VARIANTS), source="import")
    stores.answer_all(store, run_id, answer)
    stores.add_judge(store, run_id, "openai:strict")
    same = {name: [3 if name == "Q2_K" else 4] * len(TASKS.tasks) for name in VARIANTS}
    stores.grade(store, run_id, same, judge="openai:strict")
    with store.writing():
        judges.put(store, run_id, ARBITER.label, fingerprint(ARBITER), takes=1, settings=asdict(ARBITER))
    stores.set_judge(store, run_id, fingerprint(ARBITER), "done")
    compare(store, run_id)
    stores.finish(store, run_id)
    return run_id


def answer(variant: object, number: int, task: Task) -> Answer:
    name = getattr(variant, "name", "")
    text = f"基準の答え{number}" if name == "FP16" or (name == "Q8_0" and number > 10) else f"{name}の答え{number}"
    return Answer(content_hash("duel", name, number), text, "stop", 10, 5, 0.5)


def compare(store: Store, run_id: int) -> None:
    judge = next(each for each in judges.of_run(store, run_id) if each.is_pairwise)
    queue = PairQueue(store, judge, 1)
    queue.refill(whole=True)
    rows = []
    for asked in iter(queue.pop, None):
        for item in asked.answers:
            assert isinstance(item, PendingPair)
            reply = unasked_reply(ARBITER, question_of(item))
            choice, reason = (reply.grade, reply.reason) if reply else _choice(item)
            key = grade_key(judge, item, asked.take)
            given = Grade(key, judge.label, asked.take, choice, reason, judge.fingerprint, usage=NOTHING_USED)
            rows.append((place_of(item), given))
    grades.commit(store, rows)


def _choice(item: PendingPair) -> tuple[int | None, str]:
    number = int(item.first.text.rpartition("答え")[2])
    candidate_first = not item.first.text.startswith("基準")
    name = (item.first if candidate_first else item.second).text.partition("の")[0]
    if name == "Q2_K" and number == 20:
        return None, "no readable choice in 3 replies; last reply (no text): (no text)"
    if name == "Q2_K" and number == 16:
        return Choice.FIRST, "最初の回答が良い"
    candidate_wins = name == "Q8_0" and number <= 4
    if (name == "Q8_0" and number > 4) or (name == "Q2_K" and number > 16):
        return Choice.TIE, "差はない"
    better = Choice.FIRST if candidate_first == candidate_wins else Choice.SECOND
    return better, f"{'先' if better is Choice.FIRST else '後'}の回答が正確だ"
