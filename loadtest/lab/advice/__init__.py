"""Advice in the lab: worlds where it should help, who plays in them, liars, and the verdict."""
