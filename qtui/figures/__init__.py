"""Figures as plain values: what the analysis computes, the store keeps and the panes draw. No numpy, no pandas."""
