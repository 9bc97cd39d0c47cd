"""The processes that the runner starts, each a module for `python -m`. They exchange the messages of `protocol` with the runner."""
