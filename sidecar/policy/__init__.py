"""Decisions without I/O: methods take `now=` and `rng=`, and return what is still to be done."""
