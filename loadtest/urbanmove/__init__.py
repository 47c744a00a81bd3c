"""A stand-in for UrbanMoveMS: gateway, bus, trajet, user and ticket, one process per pod.

Routes, status codes and quirks are those of the original, read from its source; what could not be read is
marked "not known" where it is decided. `python -m loadtest.urbanmove --help` runs one pod.
"""
