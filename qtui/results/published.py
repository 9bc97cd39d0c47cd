"""The scores that the 2024 study published, from the file that comes with qtui."""

from qtui import paths
from qtui.figures.published import PublishedScore


def published_rows() -> tuple[PublishedScore, ...]:
    """The published scores, in the order of the file."""
    from qtui.analysis import published

    return published.load(paths.data() / "published" / "elyza-tasks-100.csv")
