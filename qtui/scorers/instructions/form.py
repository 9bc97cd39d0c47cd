"""Checks of form: lists, JSON, titles, sections, placeholders, postscript, beginnings and ends."""

import json
import re

from qtui.scorers.instructions.arguments import Arguments, number, text

ENGLISH_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
JAPANESE_ANSWERS = ("はい、そうです。", "いいえ、違います。", "どちらとも言えません。")


def number_placeholders(answer: str, arguments: Arguments) -> bool:
    return len(re.findall(r"\[.*?\]", answer)) >= number(arguments, "num_placeholders")


def postscript(answer: str, arguments: Arguments) -> bool:
    marker = text(arguments, "postscript_marker")
    pattern = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}.get(marker, re.escape(marker))
    return re.search(pattern, answer, re.IGNORECASE) is not None


def number_bullet_lists(answer: str, arguments: Arguments) -> bool:
    stars = re.findall(r"^\s*\*[^\*].*$", answer, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", answer, re.MULTILINE)
    return len(stars) + len(dashes) == number(arguments, "num_bullets")


def japanese_number_bullet_lists(answer: str, arguments: Arguments) -> bool:
    return len(re.findall(r"^\s*・[^・].*$", answer, re.MULTILINE)) == number(arguments, "num_bullets")


def number_numbered_lists(answer: str, arguments: Arguments) -> bool:
    return len(re.findall(r"^\s*\d+\.\s.*$", answer, re.MULTILINE)) == number(arguments, "num_items")


def constrained_response(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return any(option in answer for option in ENGLISH_ANSWERS)


def japanese_constrained_response(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return any(option in answer for option in JAPANESE_ANSWERS)


def number_highlighted_sections(answer: str, arguments: Arguments) -> bool:
    single = [part for part in re.findall(r"\*[^\n\*]*\*", answer) if part.strip("*").strip()]
    double = [part for part in re.findall(r"\*\*[^\n\*]*\*\*", answer) if part[2:-2].strip()]
    return len(single) + len(double) >= number(arguments, "num_highlights")


def japanese_number_highlighted_sections(answer: str, arguments: Arguments) -> bool:
    marked = [part for part in re.findall(r"《[^\n《》]*》", answer) if part.strip("《》").strip()]
    return len(marked) >= number(arguments, "num_highlights")


def multiple_sections(answer: str, arguments: Arguments) -> bool:
    splitter = re.escape(text(arguments, "section_spliter"))
    return len(re.findall(rf"\s?{splitter}\s?\d+\s?", answer)) >= number(arguments, "num_sections")


def japanese_multiple_sections(answer: str, arguments: Arguments) -> bool:
    splitter = re.escape(text(arguments, "section_spliter"))
    return len(re.findall(rf"第\d+{splitter}", answer)) >= number(arguments, "num_sections")


def json_format(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    """The whole answer is JSON, possibly in one fenced block."""
    bare = answer.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        bare = bare.removeprefix(fence)
    try:
        json.loads(bare.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return any(found.lstrip("<").rstrip(">").strip() for found in re.findall(r"<<[^\n]+>>", answer))


def japanese_title(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return any(found.lstrip("『").rstrip("』").strip() for found in re.findall(r"『[^\n]+』", answer))


def two_responses(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    parts = answer.split("******")
    if any(not part.strip() for part in parts[1:-1]):
        return False
    full = [part.strip() for part in parts if part.strip()]
    return len(full) == 2 and full[0] != full[1]


def repeat_prompt(answer: str, arguments: Arguments) -> bool:
    return answer.strip().lower().startswith(text(arguments, "prompt_to_repeat").lower())


def japanese_repeat_prompt(answer: str, arguments: Arguments) -> bool:
    """Word by word: upper and lower case matter, as in M-IFEval."""
    return answer.strip().startswith(text(arguments, "prompt_to_repeat"))


def end_checker(answer: str, arguments: Arguments) -> bool:
    return answer.strip().strip('"').lower().endswith(text(arguments, "end_phrase").lower())


def japanese_end_checker(answer: str, arguments: Arguments) -> bool:
    """Brackets after the phrase do not matter, upper and lower case do, as in M-IFEval."""
    return answer.strip().strip("」』").endswith(text(arguments, "end_phrase").strip("」』"))


def quotation(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    bare = answer.strip()
    return len(bare) > 1 and bare[0] == '"' and bare[-1] == '"'


def japanese_quotation(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    bare = answer.strip()
    return len(bare) > 1 and bare[0] == "「" and bare[-1] == "」"


def no_comma(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return "," not in answer


def japanese_no_comma(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return "、" not in answer


def japanese_no_period(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return "。" not in answer
