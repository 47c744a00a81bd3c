"""Locust files: users and a shape, usable alone against any gateway (each file says how)."""
