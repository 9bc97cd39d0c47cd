"""Frames as the analysis takes them: small ones made here, and the study's data read from its own layout."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from qtui.figures.json_form import to_json
from qtui.figures.rounding import rounded

SUFFIX = "-gguf-q4km-hf"


@dataclass(frozen=True, slots=True)
class Frames:
    answers: pd.DataFrame
    tasks: pd.DataFrame
    grades: pd.DataFrame
    conditions: pd.DataFrame


def answer_rows(
    variant: str,
    texts: Sequence[str],
    *,
    model: str = "m",
    baseline: bool = False,
    position: int = 0,
    sample: int = 0,
    finish: str | None = "stop",
    role: str = "",
) -> pd.DataFrame:
    """One variant's answers to tasks 1…n."""
    n = len(texts)
    return pd.DataFrame(
        {
            "experiment": ["e"] * n,
            "model": [model] * n,
            "variant": [variant] * n,
            "is_baseline": [baseline] * n,
            "role": [role or ("baseline" if baseline else "candidate")] * n,
            "position": [position] * n,
            "task": range(1, n + 1),
            "sample": [sample] * n,
            "text": list(texts),
            "finish_reason": [finish] * n,
            "prompt_tokens": [10.0] * n,
            "prompt_ids_hash": [""] * n,
            "completion_tokens": [20.0] * n,
            "seconds": [1.0] * n,
        }
    )


def grade_rows(
    variant: str, grades: Sequence[float], *, model: str = "m", judge: str = "j", take: int = 1, sample: int = 0
) -> pd.DataFrame:
    """One judge's grades of one variant's answers to tasks 1…n; NaN is ungraded."""
    n = len(grades)
    return pd.DataFrame(
        {
            "experiment": ["e"] * n,
            "model": [model] * n,
            "variant": [variant] * n,
            "task": range(1, n + 1),
            "sample": [sample] * n,
            "judge": [judge] * n,
            "take": [take] * n,
            "grade": [float(grade) for grade in grades],
            "reason": [""] * n,
        }
    )


def task_rows(n: int, *, given: str = "問い", reference: str = "答えです") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "experiment": ["e"] * n,
            "task": range(1, n + 1),
            "input": [given] * n,
            "reference": [reference] * n,
            "criteria": [""] * n,
        }
    )


def condition_rows(**variants: Mapping[str, Any]) -> pd.DataFrame:
    """Conditions of variants of model `m`; what is not given is the same on all."""
    same = {
        "engine": "llama.cpp",
        "prompt": "p",
        "sampling": '{"max_tokens": 128, "temperature": 0.0}',
        "task_set": "t",
    }
    return pd.DataFrame(
        [{"experiment": "e", "model": "m", "variant": name, **same, **given} for name, given in variants.items()]
    )


def no_grades() -> pd.DataFrame:
    return grade_rows("none", [])


def two_variants(
    baseline: Sequence[str], candidate: Sequence[str], grades: tuple[Sequence[float], Sequence[float]] | None = None
) -> Frames:
    """Model `m` with the variants FP16 (baseline) and Q4 under equal conditions."""
    answers = pd.concat(
        [answer_rows("FP16", baseline, baseline=True), answer_rows("Q4", candidate, position=1)], ignore_index=True
    )
    graded = (
        no_grades()
        if grades is None
        else pd.concat([grade_rows("FP16", grades[0]), grade_rows("Q4", grades[1])], ignore_index=True)
    )
    return Frames(answers, task_rows(max(len(baseline), len(candidate))), graded, condition_rows(FP16={}, Q4={}))


def study(shared: Path) -> Frames:
    """The study's answers and gradings; models are named by their folder, settings are unknown, as after an import."""
    assets = shared / "data" / "gpt4-autoeval" / "assets"
    tasks = pd.DataFrame(lines(assets / "elyza_tasks_100" / "dataset.jsonl"))
    tasks = tasks.rename(columns={"input_text": "input", "output_text": "reference", "eval_aspect": "criteria"})
    tasks = tasks.assign(experiment="e", task=range(1, len(tasks) + 1))
    answers, grades = [], []
    for path in sorted(assets.glob("*/*/preds.jsonl")):
        folder = path.parent
        if folder.name.endswith("_cmdr+"):
            model = folder.name.removesuffix("_cmdr+")
            for take in (1, 2, 3):
                given = [row["grade"] for row in lines(folder / f"result_take{take}.jsonl")]
                grades.append(grade_rows("FP16", given, model=model, judge="command-r-plus", take=take))
            continue
        quantized = folder.name.endswith(SUFFIX)
        answers.append(
            answer_rows(
                "Q4_K_M" if quantized else "FP16",
                texts(path),
                model=folder.name.removesuffix(SUFFIX),
                baseline=not quantized,
                position=int(quantized),
                finish=None,
            )
        )
    frame = pd.concat(answers, ignore_index=True)
    unknown = {"engine": "unknown", "prompt": "unknown", "sampling": "unknown", "task_set": "elyza"}
    conditions = frame[["experiment", "model", "variant"]].drop_duplicates().assign(**unknown)
    return Frames(frame, tasks, pd.concat(grades, ignore_index=True), conditions)


def json_of(figure: Any) -> Any:
    """A record as `--json` prints it."""
    return to_json(rounded(figure))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def texts(path: Path) -> list[str]:
    return [row["pred"] for row in lines(path)]


def reference(shared: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "reference" / name).read_text(encoding="utf-8"))
    return found
