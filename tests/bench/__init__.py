"""Speed as ratios: what qtui does against what a person would do without it, in turns in one run.

`make bench` prints every ratio with its spread; `make bench ARGS="engines judge"` some of them. Nothing here is a test: a machine
that is busy gives other figures, so nothing passes or fails.
"""
