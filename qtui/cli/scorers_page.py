"""The tables of scorers, as `qtui scores` prints them below those of judges."""

from qtui.charts import scorer_words
from qtui.charts.role_words import is_yardstick, titled
from qtui.cli.page import Column, Page
from qtui.figures.scorers import ScorerRow, ScorerTable
from qtui.text import safe

STYLES = {
    "equivalent": "green", "higher": "green", "not_worse": "green", "worse": "bold red", "lower": "red",
    "inconclusive": "yellow", "guarded": "magenta", "ungraded": "dim",
}  # fmt: skip
COLUMNS = (
    Column("Model", flex=True),
    Column("Variants"),
    Column("Tasks", "right"),
    Column("Means", "right"),
    Column("Diff.", "right"),
    Column("90 % interval", "right"),
    Column("Recovery", "right"),
    Column("Flips ↓/↑", "right", spare=True),
    Column("Verdict", spare=True),
)


def print_scorers(table: ScorerTable) -> None:
    """Print a table per run and scorer, by task set and category below the whole, and the verdict on each pair."""
    page = Page()
    groups: dict[tuple[int, str], list[ScorerRow]] = {}
    for row in table.rows:
        groups.setdefault((row.run_id, row.scorer), []).append(row)
    for rows in groups.values():
        first = rows[0]
        by = f"scored by {scorer_words.scorer_title(first)}, margin ±{100 * first.margin:g} points"
        page.line(f"{safe(first.experiment)} (run {first.run_id}), {by}", style="bold")
        page.line()
        page.table(COLUMNS, [_cells(row) for row in rows])
        page.line()
        for row in (row for row in rows if row.group_kind == "all"):
            _print_verdict(page, row)
    for note in table.notes:
        page.line(safe(note), style="dim")


def _cells(row: ScorerRow) -> list[str]:
    group = scorer_words.group_words(row)
    return [
        safe(row.model) if not group else f"  {group}",
        _compared(row),
        str(row.n or row.answered),
        scorer_words.means(row),
        scorer_words.difference(row),
        scorer_words.interval(row.interval90),
        scorer_words.recovery(row),
        scorer_words.flips(row),
        scorer_words.verdict_word(row),
    ]


def _compared(row: ScorerRow) -> str:
    name = titled(safe(row.candidate), row.role)
    return name if is_yardstick(row.role) else f"{safe(row.baseline)} → {name}"


def _print_verdict(page: Page, row: ScorerRow) -> None:
    page.line(f"{safe(row.model)}: {safe(row.baseline)} → {titled(safe(row.candidate), row.role)}")
    page.line(safe(row.verdict_text), indent=2, style=STYLES.get(row.verdict, ""))
    if row.n:
        page.line(f"{scorer_words.flips_sentence(row)}{scorer_words.unscored_words(row)}", indent=2)
        page.line(scorer_words.recovery_sentence(row), indent=2)
    page.line()
