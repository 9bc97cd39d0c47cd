"""Drawings as lines of text with roles: pure functions, for the panes and for plain terminals.

The caller that shows the lines maps roles to styles (a theme, ANSI, none), so that the same drawing works in colour, with NO_COLOR
and in a pipe.
"""
