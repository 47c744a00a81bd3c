"""The optional third program: clears a CPU market on every node and resizes pods in place, with their consent.

When it dies nothing gets worse: pods keep what they have.
"""
