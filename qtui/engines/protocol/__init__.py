"""The messages between the runner and the processes that it starts, one module per kind of process."""
