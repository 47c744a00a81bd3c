"""The live page, served: what sidecars report and cycles decide, as frames."""
