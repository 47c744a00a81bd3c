"""Advice served: sidecars report, epochs are worked out, each sidecar reads its own column (docs/advice.md)."""
