"""Experiments: TOML files that describe what to run. A file is checked completely before anything starts."""
