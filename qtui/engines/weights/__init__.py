"""Weights on this disk: located or downloaded, read without an engine, and identified by their content."""
