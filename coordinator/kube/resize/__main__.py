"""`python -m coordinator.kube.resize` is `equilibrium-resize`."""

import sys

from coordinator.kube.resize.command import main

if __name__ == "__main__":
    sys.exit(main())
