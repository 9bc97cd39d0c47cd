"""Judges that a person added to a run afterwards, beside those of its experiment. Imported answers have no others."""

from dataclasses import asdict

import msgspec

from qtui.judges import fingerprint
from qtui.records import JudgeSpec
from qtui.store import Store, runs

MARK = "added"
"""The key in a judge's settings that tells it from one of the experiment's."""


def add(store: Store, run_id: int, spec: JudgeSpec) -> None:
    settings = asdict(spec) | {MARK: True}
    runs.add_judge(store, run_id, runs.NewJudge(spec.label, spec.takes, fingerprint(spec), settings))


def judges_of(store: Store, run_id: int) -> list[JudgeSpec]:
    return [
        msgspec.convert({key: value for key, value in settings.items() if key != MARK}, JudgeSpec)
        for settings in runs.judge_settings(store, run_id)
        if settings.get(MARK)
    ]
