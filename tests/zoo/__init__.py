"""Tiny random checkpoints of today's architectures, and what both engines make of each."""
