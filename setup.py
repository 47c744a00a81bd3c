"""Compiles the request path with mypyc: the same typed Python, as a C extension.

Half the CPU per request of the interpreted path (docs/benchmarks.md). Only an installed package is compiled; the
source tree stays plain Python, so tests inside the process run interpreted and tests of the program run compiled.
Without a C compiler, or with EQUILIBRIUM_PURE=1, the package installs as plain Python and behaves the same.
"""

import os
import shutil
import sysconfig
from pathlib import Path

from setuptools import setup

INTERPRETED = {"__init__.py", "auth.py"}


def request_path() -> list[str]:
    """Modules a request passes through."""
    folders = (
        "sidecar/game",
        "sidecar/policy",
        "sidecar/policy/overload",
        "sidecar/proxy",
        "sidecar/proxy/http1",
    )
    found = [path for folder in folders for path in Path(folder).glob("*.py") if path.name not in INTERPRETED]
    return ["sidecar/clock.py", *sorted(map(str, found))]


def can_compile() -> bool:
    """A compiler and Python's headers are here, and nobody asked for plain Python."""
    compiler = os.environ.get("CC") or (sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return "EQUILIBRIUM_PURE" not in os.environ and shutil.which(compiler) is not None and headers.exists()


def extensions() -> list[object]:
    """What to compile."""
    if not can_compile():
        print("equilibrium: no C compiler (or EQUILIBRIUM_PURE is set): the request path stays interpreted")
        return []
    from mypyc.build import mypycify

    return list(
        mypycify(["--strict", *request_path()], opt_level="3", debug_level="0", group_name="equilibrium")
    )


setup(ext_modules=extensions())
