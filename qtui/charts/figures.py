"""Numbers as they are written beside a drawing: a true minus sign, a sign where a number is a change, `–` where there is none."""

NONE = "–"
MINUS = "−"


def number(value: float | None, places: int = 0) -> str:
    return NONE if value is None else f"{value:.{places}f}".replace("-", MINUS)


def signed(value: float | None, places: int = 2) -> str:
    """`+0.12`, `−0.41`, `0.00`."""
    if value is None:
        return NONE
    shown = f"{abs(value):.{places}f}"
    if float(shown) == 0:
        return shown
    return (MINUS if value < 0 else "+") + shown


def percent(share: float | None) -> str:
    """`69 %`, without a sign."""
    return NONE if share is None else f"{share * 100:.0f} %"


def change(share: float | None) -> str:
    """`−52 %`, `+3 %`, `0 %`."""
    return NONE if share is None else f"{signed(share * 100, 0)} %"


def size(count: float | None) -> str:
    """`4.1 GB`: bytes by powers of 1024 as tools for GGUF count, one to three digits before the point."""
    if not count:
        return NONE
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.1f} {unit}" if unit == "MB" and count < 100 else f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GB"


def p_value(p: float | None) -> str:
    return NONE if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def span(interval: tuple[float, float] | None, places: int = 2) -> str:
    """`−0.41 … +0.12`."""
    return NONE if interval is None else f"{signed(interval[0], places)} … {signed(interval[1], places)}"
