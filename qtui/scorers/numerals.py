"""Numbers in a text, exact: Arabic digits of any width, thousands, decimals, fractions, Japanese units (3万5千), kanji numerals.

What could be read in two ways is not read: 二三個 is "two or three", 一番 is no number.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

LONGEST = 300
"""Digits of a number: longer ones are a model that repeats itself."""
MOST_EXPONENT = 40
_SUPERSCRIPTS = str.maketrans({character: f"^{digit}" for digit, character in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")})
_MINUS = str.maketrans({"−": "-", "–": "-", "－": "-", "⁄": "/", "∕": "/", "，": ",", "．": "."})
_DIGIT = {character: value for value, character in enumerate("〇一二三四五六七八九")} | {"零": 0}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "億": 10**8, "兆": 10**12}
KANJI = "〇零一二三四五六七八九十百千万億兆"
_JAPANESE = "ぁ-ゖ一-鿿々"
_NO_SIGN_AFTER = rf"(?<![)\]}}])(?<!(?![{_JAPANESE}])\w)" + "".join(rf"(?<!\d[{_JAPANESE}]{{{n}}})" for n in (1, 2, 3))
"""A hyphen is no sign after a letter (A-1) or a number with its unit (3個-2個, 10月-12月), but it is one in 答えは-3."""
_NUMBER = re.compile(
    rf"(?<![\d^.])(?P<sign>{_NO_SIGN_AFTER}[-+](?=[\d.¥$€£])|マイナス)?\s?"
    r"(?P<currency>[¥$€£]\s?)?"
    r"(?P<whole>\d[\d,]*\d|\d)?(?P<decimals>(?<=\d)\.\d+|(?<![\d.])\.\d+)?(?P<exponent>(?<=\d)[eE][-+]?\d{1,4}(?![\w]))?"
    r"(?P<over>\s?/\s?\d+(?![\d/.]))?(?P<units>(?<=\d)[千百万億兆][\d千百万億兆,]*)?(?![\d^])"
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*([-+]?\d{1,300})\s*\}\s*\{\s*(\d{1,300})\s*\}")
_MIXED = re.compile(r"(?<![\d.,/])(\d+) (\d+)/(\d+)(?![\d/.])")
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+|\d{1,3}(,\d{2})*,\d{3}")


@dataclass(frozen=True, slots=True)
class Number:
    value: Fraction
    start: int
    """Its place in the simplified text."""
    text: str


def simplify(text: str) -> str:
    """Return the text with digits, signs and fractions in their ASCII forms; powers as ^2, LaTeX fractions as 1/2."""
    plain = unicodedata.normalize("NFKC", text.translate(_SUPERSCRIPTS)).translate(_MINUS)
    plain = plain.replace("{,}", ",").replace("\\,", "").replace("\\!", "").replace("\\$", "$").replace("\\%", "%")
    return _FRACTION.sub(r"\1/\2", plain)


def numbers(text: str) -> Iterator[Number]:
    """Yield the numbers with Arabic digits in a simplified text, from left to right."""
    text = _MIXED.sub(_improper, text)
    for match in _NUMBER.finditer(text):
        if match["whole"] is None and match["decimals"] is None:
            continue
        yield from _values(match)


def kanji_number(text: str) -> Fraction | None:
    """Return the value of a text of kanji numerals; None if it is none, or can be read in two ways."""
    if not text or any(character not in KANJI for character in text):
        return None
    if all(character in _DIGIT for character in text):
        is_clear = len(text) == 1 or "〇" in text or "零" in text
        return Fraction("".join(str(_DIGIT[character]) for character in text)) if is_clear else None
    return _sum_of_units([str(_DIGIT[c]) if c in _DIGIT else c for c in text])


def in_words(value: Fraction) -> str:
    """Return the number as people write it: 42, 0.5, 1/3."""
    if value.denominator == 1:
        return str(value.numerator)
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return str(float(value)) if rest == 1 and value.denominator < 10**12 else f"{value.numerator}/{value.denominator}"


def _improper(match: "re.Match[str]") -> str:
    whole, over, under = (int(part[:LONGEST]) for part in match.groups())
    return f"{whole * under + over}/{under}" if under and over < under else match[0]


def _values(match: "re.Match[str]") -> Iterator[Number]:
    sign = -1 if match["sign"] in ("-", "マイナス") else 1
    whole, decimals = match["whole"] or "0", match["decimals"] or ""
    if len(whole) + len(decimals) > LONGEST:
        return
    pieces = [whole.replace(",", "")] if "," not in whole or _GROUPED.fullmatch(whole) else whole.split(",")
    if any(len(piece) > 1 and piece.startswith("0") for piece in pieces[1:]):
        return  # 100,000,00: neither a number with thousands nor a list of numbers
    for i, piece in enumerate(piece for piece in pieces if piece):
        is_last = i == len(pieces) - 1
        value = Fraction(piece + (decimals if is_last else ""))
        if is_last:
            scaled = _scaled(value, piece + decimals, match)
            if scaled is None:
                continue
            value = scaled
        yield Number(
            sign * value if i == 0 else value, match.start("whole" if match["whole"] else "decimals"), match[0].strip()
        )


def _scaled(value: Fraction, digits: str, match: "re.Match[str]") -> Fraction | None:
    """Return the value with the exponent, denominator or units after it; None if that makes no number."""
    if match["exponent"]:
        exponent = int(match["exponent"][1:])
        return value * Fraction(10) ** exponent if abs(exponent) <= MOST_EXPONENT else None
    if match["over"]:
        under = int(match["over"].replace("/", "").strip()[:LONGEST])
        return value / under if under else None
    if match["units"]:
        parts = re.findall(r"\d+(?:\.\d+)?|[千百万億兆]", digits + match["units"].replace(",", ""))
        return _sum_of_units(parts)
    return value


def _sum_of_units(parts: list[str]) -> Fraction | None:
    """Return the value of digits and units such as 3 万 5 千; None if the units do not fall, or digits follow digits."""
    total, section, digits = Fraction(0), Fraction(0), None
    last_small, last_large = 10**4, 10**16
    for part in parts:
        if part in _SMALL:
            if _SMALL[part] >= last_small:
                return None
            section += (Fraction(1) if digits is None else digits) * _SMALL[part]
            last_small, digits = _SMALL[part], None
        elif part in _LARGE:
            amount = section + (digits or 0)
            if _LARGE[part] >= last_large or amount == 0:
                return None
            total += amount * _LARGE[part]
            last_large, last_small = _LARGE[part], 10**4
            section, digits = Fraction(0), None
        elif digits is not None:
            return None
        else:
            digits = Fraction(part)
    return total + section + (digits or 0)
