"""The boundary around a parser: whatever it raises is a sentence on the file.

A parser of foreign data raises more than it says: RecursionError, OverflowError, KeyError, exceptions of its own. Around the
parser, and around code that only walks through what it found, each of them means that the file is not of its form. Elsewhere the
same exception is a defect of qtui, so nothing else belongs inside this boundary.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from qtui.errors import UserError, words_of


@contextmanager
def parsing(where: object, form: str, advice: str) -> Iterator[None]:
    """Raise UserError `where: cannot be read as FORM (reason); ADVICE` for every exception inside. A UserError passes as it is.

    `where` is the file, with its line if that is known.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno is None:  # a library's own
            raise UserError(f"{where}: cannot be read as {form} ({words_of(error)}); {advice}") from error
        raise UserError(f"{where}: cannot be read ({error.strerror or words_of(error)})") from error
    except Exception as error:
        raise UserError(f"{where}: cannot be read as {form} ({reason(error)}); {advice}") from error


def reason(error: Exception) -> str:
    """Return what an exception of a parser says of a file, without Python's own words."""
    match error:
        case RecursionError():
            return "it is nested too deeply"
        case MemoryError():
            return "there is not enough memory for it"
        case UnicodeError():
            return "it has a text that is not Unicode"
        case OverflowError():
            return "it has a number that is too large"
        case KeyError():
            return f"it is not of the usual form: it lacks {words_of(error).removeprefix('KeyError: ')}"
        case AttributeError() | TypeError() | IndexError() | AssertionError() | ZeroDivisionError():
            return "a value in it is not of the usual form"
    return words_of(error)
