"""Data of other programs into the store, and out of it: one module per format."""
