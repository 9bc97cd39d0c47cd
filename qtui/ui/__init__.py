"""The workbench: six panes over one store. It imports no engine and no judge, and nothing heavy before its first frame."""
