"""The workbench: six panes over one store. It imports no engine and no judge, and no heavy library before its first frame."""
