"""Overload: how much the application takes at a time, and what is done before it breaks."""
