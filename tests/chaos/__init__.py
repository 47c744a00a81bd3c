"""The demo's faults on a small mesh that really runs: what users notice, never how fast."""
