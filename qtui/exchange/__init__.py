"""Import of other programs' data into the store, and export from it: one module per format."""
