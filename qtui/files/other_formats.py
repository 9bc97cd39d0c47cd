"""Files that are no text, by their first bytes, so that a message can say what they are in place of what they are not."""

SIGNATURES = (
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file itself: get it with `git lfs pull`"),
    (b"\x1f\x8b", "is compressed with gzip: unpack it"),
    (b"BZh", "is compressed with bzip2: unpack it"),
    (b"\xfd7zXZ\x00", "is compressed with xz: unpack it"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd: unpack it"),
    (b"PK\x03\x04", "is a zip archive or a workbook (.xlsx): unpack it, or save the sheet as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a file of an older Office (.xls): save the sheet as CSV UTF-8"),
    (b"PAR1", "is a Parquet file: its name must end in .parquet"),
    (b"SQLite format 3\x00", "is an SQLite database"),
    (b"%PDF-", "is a PDF"),
    (b"GGUF", "is a model's GGUF file"),
)
PAGES = (b"<!doctype html", b"<html")


def what_it_is(content: bytes) -> str:
    """Return what a file is that is no text, and what to do; empty if it may be text."""
    return next((said for signature, said in SIGNATURES if content.startswith(signature)), "")


def is_web_page(content: bytes) -> bool:
    """Return whether a file is a web page, such as a server sends in place of a file."""
    return content[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PAGES)
