"""Answers, grades, preferences, scores, lengths and divergence of runs as rows, and rows as CSV, JSON lines, Parquet or Markdown.

Every format has the same columns. The column `experiment` comes first, and only if several runs are exported. JSON lines and
Parquet hold texts as they are stored; in JSON lines, what a terminal would obey is escaped, and whoever parses them reads the same.
Markdown is for reading, so line breaks become <br>, and tags and links are text.

CSV is opened by spreadsheets, which take a cell that begins with `=` for a formula: a model's answer could send the table to a
stranger. A text that begins with such a character, or with an apostrophe, gets an apostrophe in front, as a user would type it;
removing one leading apostrophe restores every text. `exact` writes CSV without these, for programs.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qtui.figures.json_form import to_json
from qtui.records import FIVE_POINTS
from qtui.store import Store, answers, grades, judges, open_store, preferences, scores
from qtui.text import escaped_json, safe

Format = Literal["csv", "jsonl", "parquet", "md"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet", "md")
ANSWER_COLUMNS = (
    "model", "variant", "task", "sample", "text", "finish_reason", "prompt_tokens", "completion_tokens", "seconds", "thinking",
    "thinking_tokens", "thought_unfinished", "left_out",
)  # fmt: skip
ANSWER_SCORE_COLUMNS = ("model", "variant", "task", "sample", "scorer", "score", "reason")
SCORER_COLUMNS = (
    "model", "baseline", "candidate", "scorer", "kind", "group_kind", "group", "n", "answered", "unscored", "is_binary",
    "baseline_mean", "candidate_mean", "difference", "interval90_low", "interval90_high", "interval95_low", "interval95_high",
    "interval_method", "wins", "ties", "losses", "right_to_wrong", "wrong_to_right", "mcnemar_p", "recovery",
    "recovery_interval90_low", "recovery_interval90_high", "recovery_interval95_low", "recovery_interval95_high", "recovery_method",
    "verdict", "verdict_text", "rule", "guards", "notes", "margin", "claim_p", "claim_p_holm", "comparisons", "tasks_needed",
    "role",
)  # fmt: skip
GRADE_COLUMNS = ("model", "variant", "task", "sample", "judge", "take", "grade", "scale", "reason", "left_out")
SCORE_COLUMNS = (
    "model", "baseline", "candidate", "judge", "n", "takes", "baseline_mean", "candidate_mean", "difference", "sd",
    "interval90_low", "interval90_high", "interval95_low", "interval95_high", "wins", "ties", "losses", "flips_down", "flips_up",
    "verdict", "verdict_text", "behaviour", "behaviour_reasons", "guards", "mde80", "notes", "answered", "ungraded", "big_down",
    "big_up", "noise_flips", "p", "rule", "claim_p", "claim_p_holm", "comparisons", "behaviour_p_holm", "tasks_needed",
    *(f"histogram_{side}_{grade}" for side in ("baseline", "candidate") for grade in range(1, 6)), "margin", "role", "differing",
    "beside", "behaviour_p", "behaviour_comparisons",
    *(f"behaviour_flags_{flag}_{figure}" for flag in ("lt20", "loop", "latin_new") for figure in ("gained", "lost", "p", "p_bh")),
    "scale_low", "scale_high", "units",
)  # fmt: skip
"""The columns are listed here so that a table without rows has them too."""
PREFERENCE_COLUMNS = (
    "model", "baseline", "candidate", "task", "sample", "judge", "take", "candidate_first", "choice", "reason", "left_out",
)  # fmt: skip
WIN_RATE_COLUMNS = (
    "model", "baseline", "candidate", "judge", "n", "answered", "unjudged", "units", "takes", "judged", "unread", "wins", "losses",
    "ties", "turned", "one_order", "equal", "win_rate", "interval90_low", "interval90_high", "interval95_low", "interval95_high",
    "interval_method", "difference", "verdict", "verdict_text", "rule", "guards", "notes", "margin", "sign_p", "sign_p_holm",
    "claim_p", "claim_p_holm", "comparisons", "tasks_needed", "first_preferred", "second_preferred", "first_share", "position_p",
    "retest", "role",
)  # fmt: skip
DIVERGENCE_COLUMNS = (
    "model", "baseline", "candidate", "tasks", "tokens", "kl_mean", "kl_se", "kl_se_tasks", "kl_median", "kl_p90", "kl_p95",
    "kl_p99", "kl_p999", "kl_max", "delta_p_mean", "delta_p_rms", "same_top", "as_answered", "perplexity_baseline",
    "perplexity_candidate", "perplexity_ratio", "perplexity_ln_ratio", "perplexity_ln_ratio_se", "missing", "notes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """A table. Every row has a value or None for every column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def answer_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per answer, by run, variant, task (1-based) and sample."""
    return _stored(store_path, run_ids, answers.rows, answers.COLUMNS, ANSWER_COLUMNS)


def grade_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per grade; `grade` is None if the judge's reply could not be read. `scale` is what it is a number of: `1-10`."""
    return _stored(store_path, run_ids, _grades_with_scales, (*grades.COLUMNS, "scale"), GRADE_COLUMNS)


def _grades_with_scales(store: Store, run_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """The current grades of one run, each with the scale of its grader."""
    [run_id] = run_ids
    scales = judges.scales(store, run_ids)
    rows = []
    for row in grades.rows(store, run_ids):
        scale = scales.get((run_id, row["judge"], row["fingerprint"]), FIVE_POINTS)
        rows.append((*row, f"{scale.lowest}-{scale.highest}"))
    return rows


def score_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per pair and judge."""
    from qtui.results import score_figures

    return _flat(to_json(score_figures.score_rows(store_path, tuple(run_ids)).pairs), len(run_ids) > 1, SCORE_COLUMNS)


def length_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per variant."""
    from qtui.results import length_figures

    return _flat(to_json(length_figures.length_rows(store_path, tuple(run_ids)).variants), len(run_ids) > 1)


def divergence_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per measured pair. Measures nothing itself."""
    from qtui.results import divergence_figures

    return _flat(
        to_json(divergence_figures.divergence_rows(store_path, tuple(run_ids))), len(run_ids) > 1, DIVERGENCE_COLUMNS
    )


def answer_score_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per answer and scorer; `score` is None if the answer is unscored."""
    return _stored(store_path, run_ids, scores.rows, scores.COLUMNS, ANSWER_SCORE_COLUMNS)


def scorer_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per pair and scorer, over all tasks and by task set and category."""
    from qtui.results import scorer_figures

    table = scorer_figures.scorer_rows(store_path, tuple(run_ids))
    return _flat(to_json(table.rows), len(run_ids) > 1, SCORER_COLUMNS)


def preference_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per pair of answers, judge that compares, take and order; `choice` is None if the reply could not be read."""
    return _stored(store_path, run_ids, preferences.rows, preferences.COLUMNS, PREFERENCE_COLUMNS)


def win_rate_rows(store_path: Path, run_ids: Sequence[int]) -> Rows:
    """One row per pair and judge that compares."""
    from qtui.results import preference_figures

    table = preference_figures.preference_rows(store_path, tuple(run_ids))
    return _flat(to_json(table.rows), len(run_ids) > 1, WIN_RATE_COLUMNS)


SUBJECTS: Mapping[str, Callable[[Path, Sequence[int]], Rows]] = {
    "answers": answer_rows,
    "grades": grade_rows,
    "scores": score_rows,
    "preferences": preference_rows,
    "win-rates": win_rate_rows,
    "answer-scores": answer_score_rows,
    "scorers": scorer_rows,
    "lengths": length_rows,
    "divergence": divergence_rows,
}


def encode(table: Rows, form: Format, *, exact: bool = False) -> bytes:
    """The table as the content of a file; text formats are UTF-8 and end their lines with a newline.

    `exact` leaves texts in CSV unchanged, although a spreadsheet would take some for formulas.
    """
    if form == "parquet":
        return _parquet(table)
    if form == "csv" and not exact:
        table = Rows(table.columns, tuple(tuple(map(_no_formula, row)) for row in table.rows))
    lines = {"csv": _csv, "jsonl": _jsonl, "md": _markdown}[form](table)
    return "".join(f"{line}\n" for line in lines).encode()


def _stored(
    store_path: Path,
    run_ids: Sequence[int],
    read: Callable[..., Any],
    read_columns: Sequence[str],
    columns: tuple[str, ...],
) -> Rows:
    """`columns` of the rows that `read` returns, of which `read_columns` are the columns."""
    columns = ("experiment", *columns) if len(run_ids) > 1 else columns
    places = [read_columns.index(name) for name in columns]
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        stored = [row for run_id in run_ids for row in read(store, [run_id])]
    return Rows(columns, tuple(tuple(row[place] for place in places) for row in stored))


def _flat(figures: Sequence[Mapping[str, Any]], has_several_runs: bool, columns: Sequence[str] = ()) -> Rows:
    """Nested figures as `outer_inner`, intervals as `_low` and `_high`, texts in a list joined by `; `.

    The table has `columns` even without rows, and `experiment` first if there are several runs.
    """
    flat = [dict(_flattened(row)) for row in figures]
    left_out = {"run"} if has_several_runs else {"run", "experiment"}
    first = ["experiment"] if has_several_runs else []
    names = dict.fromkeys([*first, "model", *columns, *(name for row in flat for name in row)])
    ordered = tuple(name for name in names if name not in left_out)
    return Rows(ordered, tuple(tuple(row.get(name) for name in ordered) for row in flat))


_INTERVALS = ("interval90", "interval95", "recovery_interval90", "recovery_interval95", "scale")
_ONLY_IN_JSON = (
    "causes",
    "length_covariate",
    "without_empty",
    "shape_shares",
    "per_task",
    "yardsticks",
    "sample_spread",
    "resolution",
    "stopped_early",
)
"""Figures that not every row has, or that are tables themselves: the columns would depend on the data."""


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


_FORMULA = re.compile(r"[\t\r\n]|[\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠﹦﹢﹣﹫]")
"""Beginnings of a formula: spreadsheets skip white space and what cannot be seen before it, and take wide and small characters."""


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and (_FORMULA.match(value) or value.startswith("'")) else value


def _csv(table: Rows) -> Iterable[str]:
    for row in (table.columns, *table.rows):
        # csv quotes a lone carriage return only if the line terminator contains one.
        buffer = io.StringIO(newline="")
        csv.writer(buffer, lineterminator="\r\n").writerow(row)
        yield buffer.getvalue().removesuffix("\r\n")


def _jsonl(table: Rows) -> Iterable[str]:
    for row in table.rows:
        yield escaped_json(json.dumps(dict(zip(table.columns, row, strict=True)), ensure_ascii=False))


def _markdown(table: Rows) -> Iterable[str]:
    yield _markdown_row(table.columns)
    yield _markdown_row(["---"] * len(table.columns))
    for row in table.rows:
        yield _markdown_row(["" if value is None else str(value) for value in row])


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_markdown_cell(cell) for cell in cells)} |"


def _markdown_cell(text: str) -> str:
    """The text escaped so that it stays one cell: without pipes, line breaks and tags, and without links and images.

    A page that shows an image asks a stranger for it.
    """
    escaped = safe(text).replace("\\", "\\\\").replace("|", "\\|").replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace("](", "]\\(").replace("\n", "<br>")


def _parquet(table: Rows) -> bytes:
    import pyarrow
    import pyarrow.parquet

    columns = [_column(name, [row[i] for row in table.rows]) for i, name in enumerate(table.columns)]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns, names=list(table.columns)), buffer)
    return buffer.getvalue()


def _column(name: str, values: list[Any]) -> Any:
    """A column without values gets the type that it has with values, so that files of several runs can be concatenated."""
    import pyarrow

    is_empty = all(value is None for value in values)
    types = {
        "seconds": pyarrow.float64(),
        "score": pyarrow.float64(),
        "model": pyarrow.string(),
        "text": pyarrow.string(),
        "thinking": pyarrow.string(),
        "reason": pyarrow.string(),
        "scale": pyarrow.string(),
        "left_out": pyarrow.string(),
        "choice": pyarrow.string(),
    }
    integers = (
        "task",
        "sample",
        "take",
        "candidate_first",
        "grade",
        "prompt_tokens",
        "completion_tokens",
        "thinking_tokens",
    )
    fixed_type = types.get(name) or (pyarrow.int64() if name in integers else None)
    return pyarrow.array(values, type=fixed_type or (pyarrow.float64() if is_empty else None))
