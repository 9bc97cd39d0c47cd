"""Scorers: what they take from an answer, and what the field's own programs say of the same answers."""
