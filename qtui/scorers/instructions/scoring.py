"""The table of checks, and the score of an answer over the checks of its task."""

import json
from collections.abc import Sequence
from typing import Any

from qtui.records import Score
from qtui.scorers.instructions import form, keywords, length, script
from qtui.scorers.instructions.arguments import Check
from qtui.scorers.protocol import Question, Settings, quoted, unscored

LEVELS = ("prompt", "instruction")
STRICTNESS = ("strict", "loose")

CHECKS: dict[str, Check] = {
    "keywords:existence": keywords.existence,
    "keywords:frequency": keywords.frequency,
    "keywords:forbidden_words": keywords.forbidden_words,
    "keywords:letter_frequency": keywords.letter_frequency,
    "language:response_language": script.response_language,
    "length_constraints:number_sentences": length.number_sentences,
    "length_constraints:number_paragraphs": length.number_paragraphs,
    "length_constraints:number_words": length.number_words,
    "length_constraints:nth_paragraph_first_word": length.nth_paragraph_first_word,
    "detectable_content:number_placeholders": form.number_placeholders,
    "detectable_content:postscript": form.postscript,
    "detectable_format:number_bullet_lists": form.number_bullet_lists,
    "detectable_format:constrained_response": form.constrained_response,
    "detectable_format:number_highlighted_sections": form.number_highlighted_sections,
    "detectable_format:multiple_sections": form.multiple_sections,
    "detectable_format:json_format": form.json_format,
    "detectable_format:title": form.title,
    "combination:two_responses": form.two_responses,
    "combination:repeat_prompt": form.repeat_prompt,
    "startend:end_checker": form.end_checker,
    "startend:quotation": form.quotation,
    "change_case:capital_word_frequency": keywords.capital_word_frequency,
    "change_case:english_capital": script.english_capital,
    "change_case:english_lowercase": script.english_lowercase,
    "punctuation:no_comma": form.no_comma,
    "ja:keywords:existence": keywords.existence,
    "ja:keywords:frequency": keywords.frequency,
    "ja:keywords:forbidden_words": keywords.japanese_forbidden_words,
    "ja:keywords:letter_frequency": keywords.japanese_letter_frequency,
    "ja:language:response_language": script.response_language,
    "ja:length_constraints:number_sentences": length.japanese_number_sentences,
    "ja:length_constraints:number_paragraphs": length.number_paragraphs,
    "ja:length_constraints:number_letters": length.number_letters,
    "ja:length_constraints:nth_paragraph_first_word": length.japanese_nth_paragraph_first_word,
    "ja:detectable_content:number_placeholders": form.number_placeholders,
    "ja:detectable_content:postscript": form.postscript,
    "ja:detectable_format:number_bullet_lists": form.japanese_number_bullet_lists,
    "ja:detectable_format:number_numbered_lists": form.number_numbered_lists,
    "ja:detectable_format:constrained_response": form.japanese_constrained_response,
    "ja:detectable_format:number_highlighted_sections": form.japanese_number_highlighted_sections,
    "ja:detectable_format:multiple_sections": form.japanese_multiple_sections,
    "ja:detectable_format:json_format": form.json_format,
    "ja:detectable_format:title": form.japanese_title,
    "ja:combination:two_responses": form.two_responses,
    "ja:combination:repeat_prompt": form.japanese_repeat_prompt,
    "ja:startend:end_checker": form.japanese_end_checker,
    "ja:startend:sentence_unified_end": script.sentence_unified_end,
    "ja:startend:quotation": form.japanese_quotation,
    "ja:letters:furigana": script.furigana,
    "ja:letters:kansuuji": script.kansuuji,
    "ja:letters:no_katakana": script.no_katakana,
    "ja:letters:katakana_only": script.katakana_only,
    "ja:letters:no_hiragana": script.no_hiragana,
    "ja:letters:hiragana_only": script.hiragana_only,
    "ja:letters:kanji": script.kanji,
    "ja:punctuation:no_comma": form.japanese_no_comma,
    "ja:punctuation:no_period": form.japanese_no_period,
    "qtui:number_characters": length.number_characters,
    "qtui:script_ratio": script.script_ratio,
}


def score(question: Question, settings: Settings) -> Score:
    try:
        checks = read_checks(question.task.expected.checks)
        texts = [question.answer, *(_looser(question.answer) if settings["strictness"] == "loose" else ())]
        met = [_is_met(name, arguments, texts) for name, arguments in checks]
    except ValueError as error:
        return unscored(str(error))
    missed = [name for (name, _), followed in zip(checks, met, strict=True) if not followed]
    value = sum(met) / len(met) if settings["level"] == "instruction" else float(not missed)
    reason = f"met {sum(met)} of {len(met)}" + (f"; not met: {', '.join(missed)}" if missed else "")
    return Score(value, reason)


def read_checks(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the checks of a task as (id, arguments that are set). Raises ValueError with a sentence."""
    try:
        rows = json.loads(text or "[]")
    except json.JSONDecodeError as error:
        raise ValueError(f"the checks of the task are not valid JSON: {error}") from None
    if not isinstance(rows, list) or not rows:
        raise ValueError("the task has no checks")
    checks = []
    for row in rows:
        name = row.get("id") if isinstance(row, dict) else None
        arguments = (row.get("kwargs") or {}) if isinstance(row, dict) else None
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise ValueError(
                f'a check of the task is not {{"id": "…", "kwargs": {{…}}}}: {quoted(json.dumps(row, ensure_ascii=False))}'
            )
        name = name.removeprefix("en:")  # M-IFEval's English file names IFEval's instructions so
        if name not in CHECKS:
            raise ValueError(f"qtui does not know the instruction {quoted(name)!r}")
        checks.append((name, {key: value for key, value in arguments.items() if value is not None}))
    return checks


def _is_met(name: str, arguments: dict[str, Any], texts: Sequence[str]) -> bool:
    """Return whether any of the texts follows the instruction; an empty text follows none."""
    try:
        results = [bool(text.strip()) and CHECKS[name](text, arguments) for text in texts]
    except ValueError as error:
        raise ValueError(f"the instruction {name} {error}") from None
    return any(results)


def _looser(answer: str) -> list[str]:
    """Return the answer without its first line, its last line, both, and each of the four without asterisks."""
    lines = answer.split("\n")
    shortened = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    return [*shortened, *(text.replace("*", "") for text in (answer, *shortened))]
