"""Where endpoints come from. Every source yields the same events (`sidecar.policy.endpoints`)."""
