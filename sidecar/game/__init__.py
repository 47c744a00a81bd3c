"""Pure mathematics of the games: no clock, no I/O, no logging; each file names its paper."""
