"""What the coordinator is told: by sidecars, by Prometheus; and what it tells."""
