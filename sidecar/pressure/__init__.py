"""How much memory and CPU are left, as the kernel, the application or the coordinator tells it."""
