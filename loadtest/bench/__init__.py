"""Equilibrium against real peers on real sockets: `make bench`."""
