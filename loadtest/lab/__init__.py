"""The routing lab: many sidecars × many pods in virtual time, our router against the rules people deploy."""
