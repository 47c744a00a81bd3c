"""`equilibrium-inject`: the same to a manifest, without a cluster; and why something is, or is not, injected."""
