"""The whole program as its users run it: a real process, real sockets, its exit status and its stderr."""
