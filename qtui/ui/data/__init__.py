"""What the panes show, read from the store or computed in another process, never on the event loop."""
