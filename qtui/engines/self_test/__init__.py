"""The self test: before an engine first computes on this machine, a child process multiplies small tensors with its library.

A library may be built for another processor or GPU, or with a compiler that miscompiles a kernel. Then it crashes or, worse,
computes wrong products. The self test shows this before a long run, not in its answers. Outcomes are stored per library and
device, so the test runs only once.
"""
