"""The six panes, a folder each, imported when first shown; beside them, the modules that panes share."""
