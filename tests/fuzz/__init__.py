"""Fuzzing of both parsers: `python -m tests.fuzz --help`. The oracles are in `targets`, and pytest runs them too."""
