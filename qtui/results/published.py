"""What the 2024 study published, from the file that comes with qtui."""

from qtui import paths
from qtui.figures.published import PublishedScore


def published_rows() -> tuple[PublishedScore, ...]:
    """In the order of the file."""
    from qtui.analysis import published

    return published.load(paths.data() / "published" / "elyza-tasks-100.csv")
