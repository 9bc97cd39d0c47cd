"""Scores of pairs whose judging stopped before every task was graded: their verdicts are those of a confidence sequence."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from qtui.analysis import verdict as verdicts
from qtui.analysis.sequential import ALPHA
from qtui.figures.score_groups import GroupTable
from qtui.figures.scores import ScoreRow, ScoreTable, StoppedEarly
from qtui.results.sequences import PairSequence, Sequences
from qtui.store import judged_places, judges, open_store

BOUND = "hedged capital confidence sequence (Waudby-Smith & Ramdas 2024)"
_Place = tuple[int, str, str, str]
"""(run, judge, model, candidate)."""


def with_sequences(store_path: Path, run_ids: Sequence[int], table: ScoreTable) -> ScoreTable:
    """Return the table; pairs whose judging stopped early have the verdict that holds for that."""
    found = _stopped(store_path, run_ids)
    if not found:
        return table
    rows = []
    for row in table.pairs:
        pair = found.get((row.run_id, row.judge or "", row.model, row.candidate))
        rows.append(_with_sequence(row, pair, table.margin) if pair else row)
    return replace(table, pairs=tuple(rows))


def with_note(store_path: Path, run_ids: Sequence[int], table: GroupTable) -> GroupTable:
    """Return the table with a note on judges that stopped early: no part of their tasks was judged to an end fixed before."""
    found = dict.fromkeys(judge for _, judge, _, _ in _stopped(store_path, run_ids))
    notes = [
        f"{judge} stopped when its verdicts were reached: intervals and verdicts of parts are not valid after that"
        for judge in found
    ]
    return replace(table, notes=(*table.notes, *notes)) if notes else table


def _stopped(store_path: Path, run_ids: Sequence[int]) -> dict[_Place, PairSequence]:
    """The sequences of pairs of which a judge that may stop early was not asked everything."""
    found: dict[_Place, PairSequence] = {}
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        for judge in judges.that_may_stop_early(store, run_ids):
            places = judged_places.read(store, judge.run_id, judge.label, judge.fingerprint)
            for pair in Sequences(places, judge.takes, judges.scale(judge)).pairs:
                if pair.next < len(pair.units):
                    found[judge.run_id, judge.label, pair.model, pair.candidate] = pair
    return found


def _with_sequence(row: ScoreRow, pair: PairSequence, margin: float) -> ScoreRow:
    rule = pair.verdict(margin)
    claim = verdicts.sentence(rule, pair.interval, n=pair.n, tasks_needed=None, margin=row.margin)
    sentence = f"{claim}; stopped early, after {pair.n} of {len(pair.units)} tasks in random order"
    is_guarded = row.verdict not in (row.rule, "ungraded")
    note = (
        f"judging stopped early: the verdict is that of a {BOUND}, {100 * (1 - ALPHA):.0f} % at all looks together; the 90 % and"
        " 95 % intervals and p values hold only for a number of tasks fixed before, and are not valid here"
    )
    stopped = StoppedEarly(
        bound=BOUND, level=1 - ALPHA, n=pair.n, units=len(pair.units), interval=pair.interval, sentence=sentence
    )
    return replace(
        row,
        rule=rule,
        verdict=row.verdict if is_guarded else rule,
        verdict_text="; ".join([f"guarded, {'; '.join(row.guards)}", sentence]) if is_guarded else sentence,
        p=None,
        claim_p=None,
        claim_p_holm=None,
        notes=(*row.notes, note),
        stopped_early=stopped,
    )
