"""Fingerprints that `qtui verify` computes again: of judges, scorers and endpoints, by functions of rooms above the store.

A fingerprint that is the same proves settings and fingerprint. Another one proves nothing: another version of qtui may have given
it. What is wrong in any version: a label that is not that of its settings, and a variant whose task set is not that of its run.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qtui.records import UNKNOWN, ScorerSpec
from qtui.store import row_rules
from qtui.store.damage import Problem

JUDGES, SCORERS, WEIGHTS, PLANS = "judge fingerprint", "scorer fingerprint", "weights fingerprint", "plan"


@dataclass(frozen=True, slots=True)
class Recompute:
    """How to compute fingerprints again. Each returns None where it cannot."""

    of_judge: Callable[[Mapping[str, Any]], tuple[str, str] | None]
    """Settings → (label, fingerprint)."""
    of_scorer: Callable[[ScorerSpec], tuple[str, str] | None]
    of_endpoint: Callable[[str, str, str], str | None]
    """(the experiment's TOML, model, variant) → fingerprint in place of that of weights."""


@dataclass(slots=True)
class Fingerprints:
    """Counts of fingerprints by what they are of; filled by `wrong`."""

    right: Counter[str]
    unproven: Counter[str]
    recompute: Recompute | None = None

    def wrong(self, connection: sqlite3.Connection) -> Iterator[Problem]:
        """Yield what contradicts itself. The rows themselves are whole (`row_rules`)."""
        yield from self._graders(connection, "judge")
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'scorer'").fetchone():
            yield from self._graders(connection, "scorer")
        yield from self._variants(connection)
        self.unproven[PLANS] = int(connection.execute("SELECT count(*) FROM run").fetchone()[0])

    def _graders(self, connection: sqlite3.Connection, table: str) -> Iterator[Problem]:
        of = JUDGES if table == "judge" else SCORERS
        rows = connection.execute(f"SELECT id, label, fingerprint, settings FROM {table} ORDER BY id")
        for row in rows.fetchall():
            again = self._again(table, row["settings"])
            if again and again[0] != row["label"]:
                yield Problem("key", table, f"row {row['id']}", "its label is not that of its settings")
            counts = self.right if again and again[1] == row["fingerprint"] else self.unproven
            counts[of] += 1

    def _again(self, table: str, settings: str) -> tuple[str, str] | None:
        if self.recompute is None:
            return None
        decoded = row_rules.decode(settings, row_rules.JSON_COLUMNS[table, "settings"])
        return self.recompute.of_judge(decoded) if table == "judge" else self.recompute.of_scorer(decoded)

    def _variants(self, connection: sqlite3.Connection) -> Iterator[Problem]:
        rows = connection.execute(
            "SELECT v.id, v.model, v.name, v.conditions, v.facts, run.definition, task_set.hash FROM variant v"
            " JOIN run ON run.id = v.run_id JOIN task_set ON task_set.id = run.task_set_id ORDER BY v.id"
        )
        for row in rows.fetchall():
            conditions = row_rules.decode(row["conditions"], row_rules.JSON_COLUMNS["variant", "conditions"])
            if conditions.get("task_set", UNKNOWN) not in (UNKNOWN, "", row["hash"]):
                yield Problem("key", "variant", f"row {row['id']}", "its task set is not that of its run")
            facts = row_rules.decode(row["facts"], row_rules.JSON_COLUMNS["variant", "facts"])
            if fingerprint := facts.get("weights_fingerprint"):
                again = self.recompute and self.recompute.of_endpoint(row["definition"], row["model"], row["name"])
                counts = self.right if again == fingerprint else self.unproven
                counts[WEIGHTS] += 1
