"""The scripts of deploy/, run with nothing on PATH but plain commands and what a test puts there."""

import shutil
import subprocess
from pathlib import Path

from tests.deploy import manifests

SCRIPTS = ("images", "kind-demo", "render")
NEEDS = {"images": ("docker",), "kind-demo": ("docker", "kind", "kubectl"), "render": ("kubectl",)}
UNIX = ("bash", "cat", "cut", "dirname", "diff", "grep", "mv", "sed")
RECORDER = """#!/bin/bash
printf '%s\\x1f' "$(basename "$0")" "$@" >>"$LOG"
printf '\\x1e\\n' >>"$LOG"
case "$*" in
  version*) echo '"kustomizeVersion": "v5.5.0"' ;;
  *jsonpath*) echo a-pod ;;
  *exec*) cat >/dev/null ;;
esac
"""


def run(script: str, *arguments: str, path: str, log: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": path, "HOME": "/nonexistent", "LOG": str(log)}
    return subprocess.run(
        [shutil.which("bash") or "bash", str(manifests.DEPLOY / script), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environ,
    )


def unix(folder: Path) -> Path:
    """A folder of the plain commands alone, as PATH: whatever else this machine has is not there."""
    folder.mkdir()
    for name in UNIX:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def recorders(path: Path, *names: str) -> None:
    """Programs that only write down, in $LOG, what they were asked for."""
    for name in names:
        (path / name).write_text(RECORDER.replace("basename", shutil.which("basename") or "basename"))
        (path / name).chmod(0o755)


def recorded(log: Path) -> list[list[str]]:
    """What they were asked for, in order, each as words; words may have lines."""
    return [call.split("\x1f")[:-1] for call in log.read_text().split("\x1e\n")[:-1]]
