"""The messages between the runner and the processes it starts, one module per kind of process."""
