"""What the coordinator says to a Kubernetes API server: the actuator, the lease, what there is."""
