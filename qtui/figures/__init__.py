"""Figures as plain values: what the analysis computes and the panes, the command line and the exports show. No numpy, no pandas."""
