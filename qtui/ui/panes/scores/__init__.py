"""The pane Scores and everything that only it uses."""
