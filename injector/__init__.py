"""The mutating webhook: pod in, JSON patch out. Arrives with the injection issue (docs/roadmap.md)."""
