"""Building llama.cpp for this machine: compiler flags, targets, GPU back end.

`make`, `qtui engines` and the GPU proof all use this package, because a library that pip builds with its defaults crashes on some
processors and does not use the GPU.
"""
