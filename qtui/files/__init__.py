"""Reading files that the user names, and writing private files of qtui."""
