"""`qtui compare TASK`: the answers of baseline and candidate to one task, side by side if the terminal is wide enough."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from qtui.cli.options import chosen_runs, json_option, runs_options, store_option
from qtui.cli.page import Page, print_json
from qtui.differences import Likeness, Span, differences, likeness
from qtui.errors import UserError
from qtui.results.answers import Comparison, PairName, VariantAnswer, comparison, pairs
from qtui.store.preferences import PreferenceLine
from qtui.text import line_spans, safe, width

SIDE_BY_SIDE = 72
"""Width of the terminal, in columns, from which the answers are shown side by side."""
GAP = " │ "
DIFFERENT = "bold underline"
NO_ANSWER = "(not answered yet)"
LONGEST_SHOWN = 10_000
"""Characters of one text that are shown: a model that repeats itself without end may write megabytes."""


@click.command()
@click.argument("task", type=click.IntRange(min=1))
@click.option("--model", metavar="NAME", help="The model (default: the first that has a candidate).")
@click.option("--candidate", metavar="VARIANT", help="The variant to compare (default: the first candidate).")
@click.option("--baseline", metavar="VARIANT", help="The variant to compare with (default: the model's baseline).")
@click.option("--sample", type=click.IntRange(min=0), default=0, show_default=True, help="The sample; 0 is the first.")
@click.option("--full", is_flag=True, help=f"Show texts in full (default: their first {LONGEST_SHOWN:,} characters).")
@runs_options
@json_option
@store_option
def compare(
    *,
    task: int,
    model: str | None,
    candidate: str | None,
    baseline: str | None,
    sample: int,
    full: bool,
    experiment: str | None,
    run_id: int | None,
    as_json: bool,
    store: Path,
) -> None:
    """Show the answers of baseline and candidate to TASK (1 is the first) and mark where they differ."""
    available = pairs(store, chosen_runs(store, experiment, run_id))
    pair = _choose(available, model, candidate, baseline)
    shown = comparison(store, pair, task, sample)
    if as_json:
        print_json(_as_json(shown))
        return
    print_comparison(shown, None if full else LONGEST_SHOWN)
    others = list(dict.fromkeys(safe(p.model) for p in available if p.model != pair.model))
    if model is None and others:
        click.echo(f"other models (--model NAME): {', '.join(others)}", err=True)


def print_comparison(shown: Comparison, longest: int | None = LONGEST_SHOWN) -> None:
    """Print both answers, their grades and preferences. `longest` limits the characters shown of each text."""
    page = Page()
    page.line(
        f"{safe(shown.model)}, task {shown.task} of {shown.tasks} ({safe(shown.experiment)}, run {shown.run_id})",
        style="bold",
    )
    for label, text in (
        *_earlier(shown),
        ("Input", shown.content.input),
        ("Reference", shown.content.reference),
        ("Criteria", shown.content.criteria),
    ):
        if text:
            page.line()
            page.line(label, style="bold")
            _print_text(page, text, longest)
    page.line()
    left, right = (safe(side.text) if side else NO_ANSWER for side in (shown.baseline, shown.candidate))
    diff = differences(left, right)
    has_both = shown.baseline is not None and shown.candidate is not None
    spans = (diff.left, diff.right) if has_both else ((), ())
    texts, endings = (left[:longest], right[:longest]), (_left_out(left, longest), _left_out(right, longest))
    titles = (f"{safe(shown.baseline_name)} (baseline)", safe(shown.candidate_name))
    details = (_details(shown.baseline), _details(shown.candidate))
    if page.columns and page.columns >= SIDE_BY_SIDE:
        _print_side_by_side(page, titles, details, texts, spans, endings)
    else:
        for i in range(2):
            page.line(titles[i], style="bold")
            page.line(details[i], style="dim")
            for line in _marked_lines(texts[i], spans[i], page.columns):
                page.text(line)
            if endings[i]:
                page.line(endings[i], style="dim")
            page.line()
    if found := _likeness(shown):
        page.line(_in_words(found, is_shown=diff.divergence is not None), style="dim")
    _print_grades(page, shown, longest)
    _print_preferences(page, shown, longest)


def _earlier(shown: Comparison) -> list[tuple[str, str]]:
    """The turns before, with the answers of each side."""
    lines: list[tuple[str, str]] = []
    sides = [side for side in (shown.baseline, shown.candidate) if side and side.earlier]
    for number, at_once in enumerate(zip(*(side.earlier for side in sides), strict=False), start=1):
        lines.append((f"Turn {number}", at_once[0].input))
        lines += [(f"{safe(side.variant)} answered", turn.answer) for side, turn in zip(sides, at_once, strict=True)]
    return lines


def _likeness(shown: Comparison) -> Likeness | None:
    """The figures of both answers, the same on the screen and in JSON; None if one is missing."""
    return likeness(shown.baseline.text, shown.candidate.text) if shown.baseline and shown.candidate else None


def _in_words(found: Likeness, *, is_shown: bool) -> str:
    """`is_shown`: whether the texts differ as drawn, without the characters that a terminal must not get."""
    if found.divergence is None:
        return f"equal; similarity {found.similarity:.2f}"
    invisible = "" if is_shown else " (in characters that are not shown)"
    return f"first difference at character {found.divergence + 1}{invisible}; similarity {found.similarity:.2f}"


def _print_text(page: Page, text: str, longest: int | None) -> None:
    plain = safe(text).rstrip()
    page.line(plain[:longest], indent=2)
    if left_out := _left_out(plain, longest):
        page.line(left_out, style="dim", indent=2)


def _left_out(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return ""
    left_out = len(text) - longest
    return f"… {left_out:,} of {len(text):,} characters are not shown. Show them with --full, --json or `qtui export`."


def _choose(pairs: Sequence[PairName], model: str | None, candidate: str | None, baseline: str | None) -> PairName:
    """The pair of the first model of that name, with the named variants. Raises UserError listing the names that exist."""
    first = next((pair for pair in pairs if model in (None, pair.model)), None)
    if first is None:
        models = ", ".join(dict.fromkeys(safe(pair.model) for pair in pairs))
        problem = f"no model {model!r} with a candidate" if model else "nothing to compare"
        raise UserError(f"there is {problem} (models with a baseline and a candidate: {models or 'none'})")
    candidates = [pair.candidate for pair in pairs if (pair.run_id, pair.model) == (first.run_id, first.model)]
    variants = (first.baseline, *candidates)
    for name in (baseline, candidate):
        if name is not None and name not in variants:
            raise UserError(f"{safe(first.model)} has no variant {name!r} (variants: {', '.join(map(safe, variants))})")
    left = baseline or first.baseline
    right = candidate or next(name for name in (*candidates, first.baseline) if name != left)
    if left == right:
        raise UserError(
            f"{safe(left)} cannot be compared with itself. Name another variant with --candidate or --baseline."
        )
    return PairName(first.run_id, first.model, left, right)


def _print_side_by_side(
    page: Page,
    titles: tuple[str, str],
    details: tuple[str, str],
    texts: tuple[str, str],
    spans: tuple[Sequence[Span], ...],
    endings: tuple[str, str],
) -> None:
    assert page.columns
    cells = (page.columns - len(GAP)) // 2
    columns = []
    for i in range(2):
        head = [Text(line, style="bold") for line in _wrapped(titles[i], cells)]
        head += [Text(line, style="dim") for line in _wrapped(details[i], cells)]
        foot = [Text(line, style="dim") for line in _wrapped(endings[i], cells)] if endings[i] else []
        columns.append([*head, *_marked_lines(texts[i], spans[i], cells), *foot])
    for left, right in zip_longest(*columns, fillvalue=Text("")):
        line = left.copy()
        line.append(" " * (cells - width(left.plain)))
        line.append(GAP, style="dim")
        line.append_text(right)
        page.text(line)
    page.line()


def _wrapped(text: str, cells: int) -> list[str]:
    return [text[start:stop] for start, stop in line_spans(text, cells)]


def _marked_lines(text: str, spans: Sequence[Span], cells: int | None) -> list[Text]:
    """The lines of a text with the differing characters marked; not wrapped if `cells` is None."""
    styled = Text(text)
    for start, stop in spans:
        if start < len(text):
            styled.stylize(DIFFERENT, start, stop)
    if cells is None:
        return list(styled.split("\n", allow_blank=True))
    return [styled[start:stop] for start, stop in line_spans(text, cells)]


def _details(side: VariantAnswer | None) -> str:
    if side is None:
        return ""
    details = [f"{len(side.text.strip())} characters"]
    if side.thinking:
        details.append(f"thoughts of {len(side.thinking)} (shown by --json)")
    if side.completion_tokens is not None:
        details.append(f"{side.completion_tokens} tokens")
    if side.seconds is not None:
        details.append(f"{side.seconds:.1f} s")
    if side.finish_reason == "length":
        details.append("cut off at the token limit")
    if side.thought_unfinished:
        details.append("ended inside a thought")
    elif not side.text.strip():
        details.append("empty")
    return ", ".join(details)


def _print_grades(page: Page, shown: Comparison, longest: int | None) -> None:
    for name, side in ((shown.baseline_name, shown.baseline), (shown.candidate_name, shown.candidate)):
        for grade in side.grades if side else ():
            value = "ungraded" if grade.grade is None else str(grade.grade)
            page.line(f"{safe(name)}, {safe(grade.judge)}, take {grade.take}: grade {value}")
            if grade.reason:
                _print_text(page, grade.reason, longest)
        for score in side.scores if side else ():
            value = "unscored" if score.score is None else f"score {100 * score.score:.1f} of 100"
            page.line(f"{safe(name)}, {safe(score.scorer)}: {value}")
            if score.reason:
                _print_text(page, score.reason, longest)


def _print_preferences(page: Page, shown: Comparison, longest: int | None) -> None:
    """Print what judges that compare say, in each order."""
    for line in shown.preferences:
        order = (line.candidate, line.baseline) if line.candidate_first else (line.baseline, line.candidate)
        said = "unjudged" if line.choice is None else "tie" if line.preferred is None else f"prefers {line.preferred}"
        where = f"take {line.take}, {order[0]} shown first"
        page.line(safe(f"{line.judge}, {where}: {said}"))
        if line.reason:
            _print_text(page, line.reason, longest)


def _preference(line: PreferenceLine) -> dict[str, Any]:
    return {
        "judge": line.judge,
        "take": line.take,
        "first": line.candidate if line.candidate_first else line.baseline,
        "second": line.baseline if line.candidate_first else line.candidate,
        "choice": None if line.choice is None else line.choice.name.lower(),
        "preferred": line.preferred,
        "reason": line.reason,
    }


def _as_json(shown: Comparison) -> dict[str, Any]:
    found = _likeness(shown)
    return {
        "experiment": shown.experiment,
        "run": shown.run_id,
        "model": shown.model,
        "task": shown.task,
        "sample": shown.sample,
        "input": shown.content.input,
        "reference": shown.content.reference,
        "criteria": shown.content.criteria,
        "baseline": asdict(shown.baseline) if shown.baseline else None,
        "candidate": asdict(shown.candidate) if shown.candidate else None,
        "similarity": found.similarity if found else None,
        "divergence": found.divergence if found else None,
        "preferences": [_preference(line) for line in shown.preferences],
    }
