"""Figures as plain records, computed by the analysis and shown by panes, command line and exports. No numpy, no pandas."""
