"""The pane Tasks and everything that only it uses."""
