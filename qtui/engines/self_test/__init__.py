"""The instrument tests itself: before an engine computes here for the first time, a child process multiplies small
tensors.

A library may be built for another processor, with a compiler that miscompiles a kernel, or for another card. Then it
crashes or, worse, computes wrong products. That is to be found before a night's run and not in its answers. Outcomes
are kept per library and device, so the test costs nothing the second time.
"""
