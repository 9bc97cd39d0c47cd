"""The pane Models and everything that only it uses."""
