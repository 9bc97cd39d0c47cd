"""Task sets: a name or a file to a checked, ordered list of tasks."""
