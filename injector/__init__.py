"""The injector: a webhook that puts the sidecar into pods, and the two programs that go with it."""
