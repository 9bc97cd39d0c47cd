"""Prompts: chat template, BOS and end tokens, read from a model's own files and the same for every engine."""
