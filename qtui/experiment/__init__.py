"""Experiments: what a person asks to be run, as a TOML file, checked whole before anything starts."""
