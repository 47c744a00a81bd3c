"""The proxy that stands in every pod."""
