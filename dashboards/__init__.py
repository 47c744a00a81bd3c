"""Pictures of the mesh: Grafana, Prometheus, and a page that is live."""
