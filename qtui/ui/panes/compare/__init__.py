"""The pane Compare and everything that only it uses."""
