"""The data of the panes, read from the store in a thread or computed in another process, never on the event loop."""
