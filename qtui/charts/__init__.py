"""Drawings as lines of text with roles: pure functions, for the panes and for the plain terminal alike.

What a role looks like is decided where the lines are shown (a theme, ANSI, nothing at all), so that the same drawing reads in
colour, in NO_COLOR and in a pipe.
"""
