"""Numbers, sizes and times for a reader: a typographic minus, a sign on changes, `–` for a missing value."""

import math
import time
from collections.abc import Sequence

NONE = "–"
MINUS = "−"
GIB = 1 << 30
_MIB = 1 << 20


def number(value: float | None, places: int = 0) -> str:
    """`12`, `−0.41`."""
    return NONE if value is None else f"{value:.{places}f}".replace("-", MINUS)


def signed(value: float | None, places: int = 2) -> str:
    """`+0.12`, `−0.41`, `0.00`: with a sign unless it rounds to zero."""
    if value is None:
        return NONE
    shown = f"{abs(value):.{places}f}"
    if float(shown) == 0:
        return shown
    return (MINUS if value < 0 else "+") + shown


def span(interval: tuple[float, float] | None, places: int = 2) -> str:
    """`−0.41 … +0.12`."""
    return NONE if interval is None else f"{signed(interval[0], places)} … {signed(interval[1], places)}"


def percent(share: float | None, places: int = 0) -> str:
    """`69 %`, without a sign."""
    return NONE if share is None else f"{share * 100:.{places}f} %"


def change(share: float | None) -> str:
    """`−52 %`, `+3 %`, `0 %`."""
    return NONE if share is None else f"{signed(share * 100, 0)} %"


def p_value(p: float | None) -> str:
    """`p = 0.031`, `p < 0.001`, for a test on a line of its own."""
    return NONE if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def p_in_sentence(p: float) -> str:
    """`p 0.031`, `p < 0.0001`: two significant digits."""
    return "p < 0.0001" if p < 0.0001 else f"p {p:.2g}"


def count(amount: int, noun: str) -> str:
    """`1 take`, `3 takes`."""
    return f"{amount} {noun}{'' if amount == 1 else 's'}"


def amount(number: float) -> str:
    """`812`, `45k`, `1.3M`: a number of tokens, roughly."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if number >= 9.995 * unit:
            return f"{number / unit:.0f}{name}"
        if number >= unit:
            return f"{number / unit:.1f}{name}"
    return f"{number:.0f}"


def money(value: float, currency: str) -> str:
    """`12.30 USD`, `0.0042 USD`: two decimals, and of less than a tenth two digits."""
    places = 2 if value >= 0.1 or value <= 0 else min(12, 1 - math.floor(math.log10(value)))
    return f"{value:,.{places}f} {currency}"


def size(amount: float | None, places: int = 1) -> str:
    """`4.1 GB`: bytes by powers of 1024 as tools for GGUF count, one to three digits before the point.

    `places` are the decimals of megabytes below 100.
    """
    if amount is None:
        return NONE
    for unit in ("B", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.{places}f} {unit}" if unit == "MB" and amount < 100 else f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GB"


def gibibytes(amount: float) -> str:
    """`15.6 GiB`, for memory: an amount of bytes."""
    return f"{amount / GIB:.1f} GiB"


def memory_size(amount: float) -> str:
    """`15.6 GiB`, `512 MiB`, `1.5 MiB`: an amount of bytes."""
    if amount >= GIB:
        return gibibytes(amount)
    mebibytes = amount / _MIB
    return f"{mebibytes:.1f} MiB" if 0 < mebibytes < 10 else f"{mebibytes:.0f} MiB"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds as `1:02:03` or `2:03`."""
    whole = round(max(0.0, seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def rough_duration(seconds: float) -> str:
    """`40 s`, `12 min`, `5 h`, `3 days`."""
    if seconds < 90:
        return f"{max(0, seconds):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"


def day(moment: float) -> str:
    """`13:05` today, `21 Nov` this year, else the date; `moment` in seconds since 1970."""
    then, today = time.localtime(moment), time.localtime()
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    return time.strftime("%-d %b" if then[0] == today[0] else "%Y-%m-%d", then)


THINKING_SETTINGS = ("chat_template_kwargs", "reasoning_effort")
"""Settings of a request that say how to think."""


def left_out_notes(names: Sequence[str]) -> tuple[str, ...]:
    """What a person has to know if an endpoint refused these settings; empty if it refused none."""
    if not names:
        return ()
    of_thinking = [name for name in names if name in THINKING_SETTINGS]
    others = [name for name in names if name not in THINKING_SETTINGS]
    notes = [f"the endpoint does not take {', '.join(others)}; its own values apply, which qtui does not know"] * bool(
        others
    )
    if of_thinking:
        notes.append(f"thinking may not be as asked: the endpoint does not take {' and '.join(of_thinking)}")
    return tuple(notes)
