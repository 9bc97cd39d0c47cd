"""Recognizing secrets in texts and URLs, and removing them before a text is stored, shown or logged."""
