"""Widgets that more than one pane uses, or that are too large to live beside their pane."""
