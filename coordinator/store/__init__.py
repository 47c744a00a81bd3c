"""Where coordinators share what they know: memory, or Redis."""
