"""Folders in the layout of the study's repository."""

import json
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.exchange import gpt4_autoeval

TASKS = [{"input_text": f"問{i}", "output_text": f"答{i}", "eval_aspect": ""} for i in (1, 2)]


def put_lines(path: Path, *rows: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def put_variant(folder: Path, *texts: str, tasks: list[dict[str, str]] = TASKS) -> Path:
    put_lines(folder / "dataset.jsonl", *tasks)
    put_lines(folder / "preds.jsonl", *({"pred": text} for text in texts))
    return folder


def put_grades(folder: Path, name: str, *values: object) -> None:
    put_lines(folder / name, *({"grade": value, "reason": "理由"} for value in values))


def refusal(top: Path, skip: tuple[str, ...] = ()) -> str:
    with pytest.raises(UserError) as raised:
        gpt4_autoeval.read(top, skip)
    return str(raised.value)
