"""The resource games: pure mathematics, no clock, no I/O."""
