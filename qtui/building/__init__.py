"""How llama.cpp is built for this machine: compiler flags, targets, GPU back end. The one place that knows.

`make`, `qtui engines` and the GPU proof all build through here, because a library that pip builds by its own defaults
crashes on some processors and leaves the GPU idle.
"""
