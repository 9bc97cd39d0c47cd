"""Answers, grades, scores, lengths and divergence of runs as rows, and rows as CSV, JSON lines, Parquet or Markdown.

Every form holds the same columns. A row has its `experiment` in front only where rows of several experiments are together. JSON
lines and Parquet hold text as it is stored, byte for byte; Markdown is for reading, so there line ends become <br>.

CSV is what spreadsheets open, and to them a cell that begins with `=` is a formula, whoever wrote it: an answer could send what is
in the table elsewhere. A text that begins with such a character, or with an apostrophe, gets an apostrophe in front, as one types
it there; taking one leading apostrophe away gives every text back. `exact` writes CSV without it, for programs.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qtui.figures.json_form import to_json
from qtui.store import answers, grades, open_store
from qtui.text import safe

Format = Literal["csv", "jsonl", "parquet", "md"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet", "md")
ANSWER_COLUMNS = (
    "model", "variant", "task", "sample", "text", "finish_reason", "prompt_tokens", "completion_tokens", "seconds",
)  # fmt: skip
GRADE_COLUMNS = ("model", "variant", "task", "sample", "judge", "take", "grade", "reason")
SCORE_COLUMNS = (
    "model", "baseline", "candidate", "judge", "n", "takes", "baseline_mean", "candidate_mean", "difference", "sd",
    "interval90_low", "interval90_high", "interval95_low", "interval95_high", "wins", "ties", "losses", "flips_down", "flips_up",
    "verdict", "verdict_text", "behaviour", "behaviour_reasons", "guards", "mde80", "notes", "answered", "ungraded", "big_down",
    "big_up", "noise_flips", "p", "rule", "claim_p", "claim_p_holm", "comparisons", "behaviour_p_holm", "tasks_needed",
    *(f"histogram_{side}_{grade}" for side in ("baseline", "candidate") for grade in range(1, 6)), "margin", "role", "differing",
    "beside",
)  # fmt: skip
"""There may be nothing to compare, or nothing measured yet: a table has its columns all the same."""
DIVERGENCE_COLUMNS = (
    "model", "baseline", "candidate", "tasks", "tokens", "kl_mean", "kl_se", "kl_se_tasks", "kl_median", "kl_p90", "kl_p95",
    "kl_p99", "kl_p999", "kl_max", "delta_p_mean", "delta_p_rms", "same_top", "as_answered", "perplexity_baseline",
    "perplexity_candidate", "perplexity_ratio", "perplexity_ln_ratio", "perplexity_ln_ratio_se", "missing", "notes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: every row has a value (or None) for every column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def answer_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per answer, by run, variant, task (1-based) and sample."""
    return _stored(store_path, run_ids, answers.rows, answers.COLUMNS, ANSWER_COLUMNS)


def grade_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per grade; `grade` is empty where the judge's reply could not be read."""
    return _stored(store_path, run_ids, grades.rows, grades.COLUMNS, GRADE_COLUMNS)


def score_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per pair and judge."""
    from qtui.results import score_figures

    return _flat(to_json(score_figures.score_rows(store_path, tuple(run_ids)).pairs), len(run_ids) > 1, SCORE_COLUMNS)


def length_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per variant."""
    from qtui.results import length_figures

    return _flat(to_json(length_figures.length_rows(store_path, tuple(run_ids)).variants), len(run_ids) > 1)


def divergence_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per pair that was measured; nothing is measured here."""
    from qtui.results import divergence_figures

    return _flat(
        to_json(divergence_figures.divergence_rows(store_path, tuple(run_ids))), len(run_ids) > 1, DIVERGENCE_COLUMNS
    )


SUBJECTS: Mapping[str, Callable[[Path, Sequence[int]], Rows]] = {
    "answers": answer_rows,
    "grades": grade_rows,
    "scores": score_rows,
    "lengths": length_rows,
    "divergence": divergence_rows,
}


def encode(table: Rows, form: Format, *, exact: bool = False) -> bytes:
    """The table as the content of a file; text forms are UTF-8 and end their lines with a newline.

    `exact` leaves texts in CSV as they are, although a spreadsheet would take some for formulas.
    """
    if form == "parquet":
        return _parquet(table)
    if form == "csv" and not exact:
        table = Rows(table.columns, tuple(tuple(map(_no_formula, row)) for row in table.rows))
    lines = {"csv": _csv, "jsonl": _jsonl, "md": _markdown}[form](table)
    return "".join(f"{line}\n" for line in lines).encode()


def _stored(
    store_path: Path, run_ids: Sequence[int], read: Callable[..., Any], has: Sequence[str], wanted: tuple[str, ...]
) -> Rows:
    columns = ("experiment", *wanted) if len(run_ids) > 1 else wanted
    places = [has.index(name) for name in columns]
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        found = [row for run_id in run_ids for row in read(store, [run_id])]
    return Rows(columns, tuple(tuple(row[place] for place in places) for row in found))


def _flat(found: Sequence[Mapping[str, Any]], several: bool, columns: Sequence[str] = ()) -> Rows:
    """Nested figures as `outer_inner`, intervals as `_low` and `_high`, texts in a list joined by `; `.

    `columns` are there even without a row, after `experiment` where rows of several may be together.
    """
    flat = [dict(_flattened(row)) for row in found]
    left_out = {"run"} if several else {"run", "experiment"}
    first = ["experiment"] if several else []
    names = dict.fromkeys([*first, "model", *columns, *(name for row in flat for name in row)])
    ordered = tuple(name for name in names if name not in left_out)
    return Rows(ordered, tuple(tuple(row.get(name) for name in ordered) for row in flat))


_INTERVALS = ("interval90", "interval95")
_ONLY_IN_JSON = ("causes", "length_covariate", "without_empty", "shape_shares", "per_task", "yardsticks")
"""What not every row has, or what is a table of its own: it would make the columns depend on the data."""


def _flattened(row: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in row.items():
        if name in _ONLY_IN_JSON:
            continue
        if name in _INTERVALS:
            low, high = value if value is not None else (None, None)
            yield f"{prefix}{name}_low", low
            yield f"{prefix}{name}_high", high
        elif isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}_")
        elif isinstance(value, list):
            yield f"{prefix}{name}", "; ".join(map(str, value))
        else:
            yield f"{prefix}{name}", value


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet computes begins so: tabs and line ends are passed over first, and Japanese ones take the wide forms, too."""


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith((*_FORMULA, "'")) else value


def _csv(table: Rows) -> Iterable[str]:
    for row in (table.columns, *table.rows):
        # csv quotes a lone carriage return only if it is part of the line's end, so that is what it is told.
        buffer = io.StringIO(newline="")
        csv.writer(buffer, lineterminator="\r\n").writerow(row)
        yield buffer.getvalue().removesuffix("\r\n")


def _jsonl(table: Rows) -> Iterable[str]:
    for row in table.rows:
        yield json.dumps(dict(zip(table.columns, row, strict=True)), ensure_ascii=False)


def _markdown(table: Rows) -> Iterable[str]:
    yield _markdown_row(table.columns)
    yield _markdown_row(["---"] * len(table.columns))
    for row in table.rows:
        yield _markdown_row(["" if value is None else str(value) for value in row])


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_markdown_cell(cell) for cell in cells)} |"


def _markdown_cell(text: str) -> str:
    """A cell that stays one: no pipe, no line end, no tag of its own."""
    escaped = safe(text).replace("\\", "\\\\").replace("|", "\\|").replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace("\n", "<br>")


def _parquet(table: Rows) -> bytes:
    import pyarrow
    import pyarrow.parquet

    columns = [_column(name, [row[i] for row in table.rows]) for i, name in enumerate(table.columns)]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns, names=list(table.columns)), buffer)
    return buffer.getvalue()


def _column(name: str, values: list[Any]) -> Any:
    """A column of nothing has the type that it would have with something, so that files of two runs fit together."""
    import pyarrow

    empty = all(value is None for value in values)
    types = {
        "seconds": pyarrow.float64(),
        "model": pyarrow.string(),
        "text": pyarrow.string(),
        "reason": pyarrow.string(),
    }
    whole = ("task", "sample", "take", "grade", "prompt_tokens", "completion_tokens")
    known = types.get(name) or (pyarrow.int64() if name in whole else None)
    return pyarrow.array(values, type=known or (pyarrow.float64() if empty else None))
