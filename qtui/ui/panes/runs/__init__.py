"""The pane Runs and everything that only it uses."""
