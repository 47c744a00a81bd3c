"""Everything that puts load on the mesh: the demo, the peers' bench, later the application and the lab."""
