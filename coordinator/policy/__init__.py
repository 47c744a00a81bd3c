"""Decisions, sans-IO: methods take `now` and return values that carry their reason."""
