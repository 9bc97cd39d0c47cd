"""Preferences between the answers of a pair: comparisons from replies in both orders, win rates, and what they show."""
