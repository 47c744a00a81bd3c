"""Who asks: tokens of pods by TokenReview, the mesh key, loopback (docs/feed.md, "Who may ask")."""
