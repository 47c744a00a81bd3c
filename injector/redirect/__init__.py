"""`equilibrium-init`: the iptables rules that send a pod's TCP through its sidecar (docs/interception.md)."""
