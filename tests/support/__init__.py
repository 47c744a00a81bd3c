"""What tests stand on: real peers, scripted upstreams, the sidecar as a process, and a reader of messages."""
