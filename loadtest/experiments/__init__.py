"""The market on real pods: a node that throttles, a coordinator that resizes, and what it does to latency."""
