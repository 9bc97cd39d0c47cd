"""The tables of judges that compare, as `qtui scores` prints them below those of judges that grade."""

from qtui.charts import preference_words
from qtui.charts.role_words import is_yardstick, titled
from qtui.cli.page import Column, Page
from qtui.cli.scorers_page import STYLES
from qtui.figures.preferences import PreferenceRow, PreferenceTable
from qtui.format import count, number
from qtui.text import safe

COLUMNS = (
    Column("Model", flex=True),
    Column("Variants"),
    Column("Tasks", "right"),
    Column("Win rate", "right"),
    Column("90 % interval", "right"),
    Column("+/=/−", "right"),
    Column("Turned", "right", spare=True),
    Column("Verdict", spare=True),
)


def print_preferences(table: PreferenceTable) -> None:
    """Print a table per run and judge, and the verdict on each pair below it."""
    page = Page()
    groups: dict[tuple[int, str], list[PreferenceRow]] = {}
    for row in table.rows:
        groups.setdefault((row.run_id, row.judge), []).append(row)
    for rows in groups.values():
        first = rows[0]
        takes = count(max(row.takes for row in rows), "take")
        by = f"compared by {safe(first.judge)} in both orders, {takes}, margin 0.5 ± {first.margin:g}"
        page.line(f"{safe(first.experiment)} (run {first.run_id}), {by}", style="bold")
        page.line()
        page.table(COLUMNS, [_cells(row) for row in rows])
        page.line()
        for row in rows:
            _print_verdict(page, row)
    for note in table.notes:
        page.line(safe(note), style="dim")


def _cells(row: PreferenceRow) -> list[str]:
    name = titled(safe(row.candidate), row.role)
    return [
        safe(row.model),
        name if is_yardstick(row.role) else f"{safe(row.baseline)} → {name}",
        str(row.n or row.answered),
        number(row.win_rate, 2),
        preference_words.interval(row.interval90),
        preference_words.shares(row),
        preference_words.turned(row),
        preference_words.verdict_word(row),
    ]


def _print_verdict(page: Page, row: PreferenceRow) -> None:
    page.line(f"{safe(row.model)}: {safe(row.baseline)} → {titled(safe(row.candidate), row.role)}")
    page.line(safe(row.verdict_text), indent=2, style=STYLES.get(row.verdict, ""))
    if row.judged or row.unread:
        sentences = (
            preference_words.outcome_sentence(row),
            preference_words.position_sentence(row),
            preference_words.sign_sentence(row),
        )
        for sentence in filter(None, sentences):
            page.line(safe(sentence), indent=2)
    for note in row.notes:
        page.line(safe(note), indent=2, style="dim")
    page.line()
