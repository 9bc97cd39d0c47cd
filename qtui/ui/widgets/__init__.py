"""Widgets that more than one pane or the main screen uses."""
