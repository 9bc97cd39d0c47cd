"""The six panes, one module each, imported when first shown."""
