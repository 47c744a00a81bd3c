"""The endpoint feed served (docs/feed.md)."""
