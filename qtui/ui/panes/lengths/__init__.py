"""The pane Lengths and everything that only it uses."""
