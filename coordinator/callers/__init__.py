"""Who asks: a projected token that the API server reviews, or the key of the mesh."""
