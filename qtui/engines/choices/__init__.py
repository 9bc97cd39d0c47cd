"""Choices scored by their likelihood after the prompt, as lm-evaluation-harness does, instead of a generated answer."""
