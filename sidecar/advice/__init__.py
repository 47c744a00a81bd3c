"""Advice of the coordinator (docs/advice.md): asked for with a report, and handed to the routers."""
