"""The small Kubernetes client that sidecar, injector and coordinator share: plain dicts, no generated models."""
