"""The kubelet's probes, asked on its behalf: what it hears of the application is what it would have heard without us.

A probe aimed at a port that is redirected to this sidecar would ask the sidecar: a TCP probe always succeeds, an HTTP
probe can be shed with the rest. The injector aims them at `/app-health/CONTAINER/WHICH` of the admin port instead.
"""
