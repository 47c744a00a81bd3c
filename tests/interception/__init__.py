"""Interception: the rules as values, the init program, and both with the real kernel."""
