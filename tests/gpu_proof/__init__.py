"""The proof that qtui works on a GPU: `make gpu-proof`, one run of under ten minutes that builds, compares, measures
and writes down.

It is made for a machine that is lent for a quarter of an hour and has nvcc, torch and transformers but no network:
`make gpu-bundle` collects what is missing there, and `--rehearse` goes through every step on a CPU with a small
model. Every step runs in a process of its own, its result is written as soon as it is there, and a second start goes
on with the steps that have none.
"""
