"""Multiple choice: is the choice that the answer takes the right one (accuracy)?

`by = "generation"` (default) reads the answer: the label or text of a choice, in a conclusion («the answer is B»,
「答えはB」), at its beginning, or anywhere if only one is named. An answer that names none or several is wrong, and its
reason says so.

`by = "log_likelihood"` takes the choice that the model found likeliest as the continuation of the prompt, as lm-evaluation-harness
does: `length = "none"` by the sum over tokens (`acc`), `"characters"` per character (`acc_norm`), `"tokens"` per token. The
first of equals counts. It needs an engine that scores given continuations. `continuation` says what is scored: the `text` of each
choice, or its `label`. `before` stands between prompt and choice; `auto` is a space, and nothing after a chat template.

`labels` are those that the prompt shows: `letters` (A, B, …), `numbers` (1, 2, …), `numbers_from_0`, or a list of texts.
"""

import math
import re
import unicodedata
from collections.abc import Sequence

from qtui.records import ChoiceScore, Score
from qtui.scorers.protocol import Question, Settings, quoted, unscored

CONTINUATIONS = ("text", "label")
WAYS = ("generation", "log_likelihood")
LENGTHS = ("none", "characters", "tokens")
LABELS = ("letters", "numbers", "numbers_from_0")
_CONCLUSION = re.compile(
    r"\b(?:answer|choice|option)\b[*_\"”]*\s*(?:is|was|:|=|would be|should be)[*_:\s\"“]*(?:(?:option|choice)\s+)?(?:the\s+)?"
    r"|(?:答え|こたえ|正解|正答|解答|回答|選択肢|答)[*_」』\s]*(?:は|が|:|=)[、:*_\s「『]*(?:選択肢\s*)?|\\boxed\s*\{\s*(?:\\text\{)?",
    re.IGNORECASE,
)
_OPEN, _CLOSE = r"[(\[{「『*_\"“']*", r"[)\]}」』*_\"”']*"


def score(question: Question, settings: Settings) -> Score:
    expected = question.task.expected
    if not expected.choices or expected.right_choice is None:
        return unscored("the task has no choices, or does not say which is right")
    if not 0 <= expected.right_choice < len(expected.choices):
        return unscored(
            f"the task says that choice {expected.right_choice} of {len(expected.choices)} is right (from 0)"
        )
    if settings["by"] == "log_likelihood":
        return _by_log_likelihood(question.choice_scores, settings, expected.choices, expected.right_choice)
    labels = labels_of(settings["labels"], len(expected.choices))
    if labels is None:
        return unscored(f"the scorer has too few labels for {len(expected.choices)} choices")
    found = named_choices(question.answer, expected.choices, labels)
    right = f"{labels[expected.right_choice]} ({quoted(expected.choices[expected.right_choice])})"
    if len(found) != 1:
        named = ", ".join(labels[i] for i in found)
        return Score(0.0, f"took no choice: the answer names {named or 'none'}; expected {right}")
    is_right = found[0] == expected.right_choice
    return Score(float(is_right), f"took {labels[found[0]]}" + ("" if is_right else f", expected {right}"))


def labels_of(setting: str | Sequence[str], choices: int) -> tuple[str, ...] | None:
    """Return a label per choice; None if there are too few."""
    if setting == "letters":
        return tuple(chr(ord("A") + i) for i in range(choices)) if choices <= 26 else None
    if setting in ("numbers", "numbers_from_0"):
        first = 1 if setting == "numbers" else 0
        return tuple(str(first + i) for i in range(choices))
    return tuple(setting[:choices]) if len(setting) >= choices else None


def texts_to_score(choices: Sequence[str], settings: Settings) -> tuple[str, ...] | None:
    """Return the text per choice whose likelihood counts; None if there are too few labels."""
    return labels_of(settings["labels"], len(choices)) if settings["continuation"] == "label" else tuple(choices)


def named_choices(answer: str, choices: Sequence[str], labels: Sequence[str]) -> list[int]:
    """Return the indexes of the choices that the answer takes: one, none, or several that cannot be told apart."""
    text = _plain(answer)
    plain_choices, plain_labels = [_plain(choice) for choice in choices], [_plain(label) for label in labels]
    whole = _is_whole(text, plain_choices, plain_labels)
    if whole is not None:
        return [whole]
    for mark in reversed(list(_CONCLUSION.finditer(text))):
        begun = _begins(text[mark.end() :], plain_choices, plain_labels, is_conclusion=True)
        if begun is not None:
            return [begun]
    begun = _begins(text, plain_choices, plain_labels, is_conclusion=False)
    if begun is not None:
        return [begun]
    by_label = _labels_in(text, plain_labels)
    by_text = _texts_in(text, plain_choices)
    if by_label and by_text and set(by_label) != set(by_text):
        return sorted({*by_label, *by_text}) if len(by_label) > 1 or len(by_text) > 1 else by_label + by_text
    return by_label or by_text


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _is_whole(text: str, choices: Sequence[str], labels: Sequence[str]) -> int | None:
    bare = re.sub(rf"^{_OPEN}|{_CLOSE}[.。]?{_CLOSE}$", "", text).casefold()
    for names in (labels, choices):
        for i, name in enumerate(names):
            if name and bare in (name.casefold(), name.casefold().rstrip(".。")):
                return i
    return None


def _begins(text: str, choices: Sequence[str], labels: Sequence[str], *, is_conclusion: bool) -> int | None:
    """Return the choice whose label or text the text begins with; a label needs an end, so that "A dog" does not take A."""
    strict_end = r"(?=$|[.:,;)\]}、。です]|\s*[-–—.)])"
    # Small letters count too where punctuation follows: "b)" is a label, "the answer is a dog" takes none.
    ends = [(r"(?![A-Za-z0-9])", 0)] * is_conclusion + [(strict_end, re.IGNORECASE)]
    longest_first = sorted(range(len(labels)), key=lambda i: -len(labels[i]))
    for end, flags in ends:
        for i in longest_first:
            if labels[i] and re.match(rf"\s*{_OPEN}{re.escape(labels[i])}{_CLOSE}{end}", text, flags):
                return i
    for i in sorted(range(len(choices)), key=lambda i: -len(choices[i])):
        if is_conclusion and choices[i] and re.match(rf"\s*{_OPEN}{re.escape(choices[i])}", text, re.IGNORECASE):
            return i
    return None


def _labels_in(text: str, labels: Sequence[str]) -> list[int]:
    """Return the labels that stand alone in the text; a number needs brackets, a letter must not begin a phrase ("A dog")."""
    found = []
    for i, label in enumerate(labels):
        if not label:
            continue
        in_brackets = rf"[(\[「『]{re.escape(label)}[)\]」』]"
        alone = rf"(?<![A-Za-z0-9'’]){re.escape(label)}(?![A-Za-z0-9'’]){'(?! [a-z])' if label in ('A', 'I') else ''}"
        pattern = in_brackets if label.isdigit() else f"{in_brackets}|{alone}"
        if re.search(pattern, text):
            found.append(i)
    return found


def _texts_in(text: str, choices: Sequence[str]) -> list[int]:
    """Return the choices whose text is in the text, and not only as a part of a longer choice."""
    rest, found = text.casefold(), []
    for i in sorted(range(len(choices)), key=lambda i: -len(choices[i])):
        words = choices[i].casefold()
        edge = r"\b" if words.isascii() and words[:1].isalnum() and words[-1:].isalnum() else ""
        if words and re.search(f"{edge}{re.escape(words)}{edge}", rest):
            found.append(i)
            rest = re.sub(f"{edge}{re.escape(words)}{edge}", "\n", rest)
    return sorted(found)


def _by_log_likelihood(
    scores: Sequence[ChoiceScore] | None, settings: Settings, choices: Sequence[str], right: int
) -> Score:
    if scores is None:
        return unscored(
            "the engine gave no log-likelihood of the choices; score by generation, or use an engine that does"
        )
    if len(scores) != len(choices):
        return unscored(f"the engine gave {len(scores)} log-likelihoods for {len(choices)} choices")
    wanted = texts_to_score(choices, settings) or ()
    if any(each.text and each.text != text for each, text in zip(scores, wanted, strict=False)):
        return unscored("the engine scored other texts than these choices; start a run with this scorer")
    values = [_per_length(each, settings["length"]) for each in scores]
    if any(math.isnan(value) for value in values):
        return unscored("a log-likelihood or a length of a choice is no number above 0")
    best = max(range(len(values)), key=lambda i: values[i])
    taken = f"took {quoted(choices[best])!r} ({values[best]:.3f})"
    others = [
        f"{quoted(choice)!r} ({value:.3f})"
        for i, (choice, value) in enumerate(zip(choices, values, strict=True))
        if i not in (best, right)
    ]
    if best == right:
        return Score(1.0, "; ".join([taken, *others]))
    expected = f"{taken}, expected {quoted(choices[right])!r} ({values[right]:.3f})"
    return Score(0.0, "; ".join([expected, *others]))


def _per_length(choice: ChoiceScore, length: str) -> float:
    size = {"none": 1, "characters": choice.characters, "tokens": choice.tokens}[length]
    return choice.log_likelihood / size if size > 0 else math.nan
