"""The one bridge from the store to the analysis, used by the panes and the command line, so that both show the same numbers."""
