"""What a worker is at, in the words that follow "while": `loading weights (87 %)`, `answering (32 of 104 answers, 16 at once)`."""

from qtui.engines.protocol.answering import Loading


def loading(message: Loading, about: str = "") -> str:
    """The phase of loading, with `about` (a type of weights, say) where the phase does not name it, and how far it is."""
    percent = f"{message.fraction * 100:.0f} %" if message.fraction is not None else ""
    return _with_details(message.phase or "loading", "" if about in message.phase else about, percent)


def answering(done: int, expected: int, at_once: int | None) -> str:
    return _with_details("answering", f"{done} of {expected} answers", f"{at_once} at once" if at_once else "")


def comparing(done: int, expected: int) -> str:
    return _with_details("comparing", f"{done} of {expected} answers")


def _with_details(words: str, *details: str) -> str:
    given = ", ".join(detail for detail in details if detail)
    return f"{words} ({given})" if given else words
