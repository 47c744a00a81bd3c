"""What the kernel says: fake trees of every kind, and the control groups of this very machine."""
