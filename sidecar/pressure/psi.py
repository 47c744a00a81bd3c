"""Pressure stall information: the share of time in which somebody waited for memory or CPU.

`some avg10` of the group's own file (version 2), else of the machine's in `/proc/pressure` (Linux 4.20; Weiner,
Documentation/accounting/psi.rst). Where the kernel has none, or has it switched off, there is none: None, no error.
"""

import re
from pathlib import Path
from typing import Final

from sidecar.pressure import files

_SOME: Final = re.compile(r"^some avg10=(\d{1,3}(?:\.\d{1,4})?) ", re.MULTILINE)


class Psi:
    """`folder`: a control group of version 2 (`Cgroup.unified`); without one, the machine's."""

    def __init__(self, folder: Path | None = None, root: Path = Path("/")) -> None:
        self._folder = folder
        self._machine = root / "proc" / "pressure"

    def memory(self) -> float | None:
        """Share of the last ten seconds in which at least one task waited for memory, in [0, 1]."""
        return self._some("memory")

    def cpu(self) -> float | None:
        """The same for the CPU."""
        return self._some("cpu")

    def _some(self, resource: str) -> float | None:
        own = files.read(self._folder / f"{resource}.pressure") if self._folder else None
        share = parse(own) if own else None
        return share if share is not None else parse(files.read(self._machine / resource) or "")


def parse(text: str) -> float | None:
    """`some avg10=14.84 …` → 0.1484; None when the line is missing."""
    match = _SOME.search(text)
    return min(1.0, float(match[1]) / 100.0) if match else None
