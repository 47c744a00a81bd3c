"""Routing rules behind one interface: ours, and every rival worth beating, with the constants it ships with."""
