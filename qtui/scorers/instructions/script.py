"""Checks of Japanese writing: which scripts are used, how much of each, furigana, sentence endings; and the language and case
of a text.

The language is found by `langdetect`, which the authors of IFEval chose, with a fixed seed: without one it draws lots.
"""

import re
import unicodedata

from qtui.scorers.instructions.arguments import Arguments, is_met, text

SCRIPTS = {
    "hiragana": re.compile(r"[ぁ-ゖゝゞ]"),
    "katakana": re.compile(r"[ァ-ヺー-ヿｦ-ﾟ]"),
    "kanji": re.compile(r"[\u4e00-\u9faf々]"),
    "latin": re.compile(r"[A-Za-zＡ-Ｚａ-ｚ]"),
}
_KANJI = "[\u4e00-\u9faf]"
_QUOTED = re.compile(r"「.*?」|『.*?』")


def hiragana_only(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return all("ぁ" <= character <= "ん" or character == "ー" or not _is_letter(character) for character in answer)


def katakana_only(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    def is_katakana(character: str) -> bool:
        return "ァ" <= character <= "ン" or character in "ー・" or "ｦ" <= character <= "ﾟ"

    return all(is_katakana(character) or not _is_letter(character) for character in answer)


def no_hiragana(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return not re.search("[ぁ-ゖ]", answer)


def no_katakana(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return not re.search("[ァ-ヺｦ-ﾟ]", answer)


def kanji(answer: str, arguments: Arguments) -> bool:
    return is_met(len(re.findall(_KANJI, answer)), arguments, "kanji_limit")


def script_ratio(answer: str, arguments: Arguments) -> bool:
    """qtui's own: the share of a script among the letters is at least, or at most, as named (0 to 1)."""
    script = text(arguments, "script")
    if script not in SCRIPTS:
        raise ValueError(f"knows the scripts {', '.join(SCRIPTS)}, not {script!r}")
    bounds = [arguments.get(name) for name in ("at_least", "at_most")]
    if all(bound is None for bound in bounds) or not all(
        bound is None or isinstance(bound, int | float) for bound in bounds
    ):
        raise ValueError("needs a number at_least or at_most")
    letters = sum(map(_is_letter, answer))
    share = len(SCRIPTS[script].findall(answer)) / letters if letters else 0.0
    at_least, at_most = bounds
    return (at_least is None or share >= at_least) and (at_most is None or share <= at_most)


def furigana(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return len(re.findall(f"{_KANJI}+", answer)) == len(re.findall(f"{_KANJI}+（[ぁ-ん]+）", answer))


def kansuuji(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return not re.search(r"\d", answer)


def sentence_unified_end(answer: str, arguments: Arguments) -> bool:
    ending = text(arguments, "ending")
    sentences = re.split(r"[。！？]", _QUOTED.sub("", answer))
    return all(not sentence or sentence.endswith(ending) for sentence in sentences)


def response_language(answer: str, arguments: Arguments) -> bool:
    language = detect_language(answer)
    return language is None or language == text(arguments, "language")


def english_capital(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return answer.isupper() and detect_language(answer) in ("en", None)


def english_lowercase(answer: str, arguments: Arguments) -> bool:  # noqa: ARG001
    return answer.islower() and detect_language(answer) in ("en", None)


def detect_language(answer: str) -> str | None:
    """Return the language as `langdetect` names it; None if the text has none (digits only), which IFEval counts as followed."""
    import langdetect

    langdetect.DetectorFactory.seed = 0
    try:
        return str(langdetect.detect(answer))
    except langdetect.LangDetectException:
        return None


def _is_letter(character: str) -> bool:
    return unicodedata.category(character).startswith("L")
