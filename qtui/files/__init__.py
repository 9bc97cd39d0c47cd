"""Files that a person names, and files that qtui writes for itself."""
