"""The endpoint feed, served (docs/feed.md): who serves what, and who calls, to those whose requests go there."""
