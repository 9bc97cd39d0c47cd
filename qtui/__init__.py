"""qtui: decide in a terminal whether the quantized version of a language model is good enough."""

__version__ = "0.1.0"
