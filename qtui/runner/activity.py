"""What a worker is doing, as words to follow "while": `loading weights (87 %)`, `answering (32 of 104 answers, 16 at once)`."""

from qtui.engines.protocol.answering import Loading


def loading(message: Loading, about: str = "") -> str:
    """The loading phase and its percentage, with `about` (for instance a quantization type) if the phase does not name it."""
    percent = f"{message.fraction * 100:.0f} %" if message.fraction is not None else ""
    return _with_details(message.phase or "loading", "" if about in message.phase else about, percent)


def answering(done: int, expected: int, at_once: int | None) -> str:
    return _with_details("answering", f"{done} of {expected} answers", f"{at_once} at once" if at_once else "")


def comparing(done: int, expected: int) -> str:
    return _with_details("comparing", f"{done} of {expected} answers")


def _with_details(words: str, *details: str) -> str:
    joined = ", ".join(detail for detail in details if detail)
    return f"{words} ({joined})" if joined else words
