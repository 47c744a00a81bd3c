"""The machine and the versions a table was measured on: numbers without them say nothing."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from loadtest.bench import arms


def describe(compared: Iterable[arms.Arm]) -> dict[str, str]:
    """What to print under a table."""
    versions = {f"version of {arm.name}": arm.version() for arm in compared if arm.launch is not None}
    return {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "load average before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **versions,
    }


def _cpu_model() -> str:
    """Some virtual machines name only the vendor's line; family and model tell them apart."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    name = fields.get("model name", "unknown")
    return (
        f"{name}, family {fields.get('cpu family')}, model {fields.get('model')}, {fields.get('cpu MHz')} MHz"
    )
