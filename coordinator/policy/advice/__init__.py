"""Advice decided: reports become curves, curves a game, its equilibrium everybody's columns. Sans-IO."""
