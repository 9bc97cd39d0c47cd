"""Screens that open over the main screen."""
