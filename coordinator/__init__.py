"""The optional third program: endpoint feed, advice, CPU market. Arrives later (docs/roadmap.md)."""
