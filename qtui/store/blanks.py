"""White space in SQL: an answer that consists of these characters only is empty, in every count and list."""

BLANKS = (
    "char(32,9,10,11,12,13,28,29,30,31,133,160,5760,8192,8193,8194,8195,8196,8197,8198,8199,8200,8201,8202,"
    "8232,8233,8239,8287,12288)"
)
"""The characters that Python's strip() removes, as the second argument of trim()."""
