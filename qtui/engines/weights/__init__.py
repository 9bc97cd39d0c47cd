"""Weights on this disk: found or downloaded, read once without an engine into one record, identified by their content."""
