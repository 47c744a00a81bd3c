"""Real processes under real trouble: what policing, admission and the auction change, with and without Equilibrium."""
