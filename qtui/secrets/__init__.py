"""Secrets in texts and URLs: recognized and removed before a text is stored, shown or logged."""
