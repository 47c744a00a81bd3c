"""A folder with the last few records of a workload: each appears whole or not at all, the oldest make room.

Written beside its place, flushed to the disk, renamed: whoever reads the folder never sees half a record, also after
a power cut.
"""

import contextlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

SUFFIX: Final = ".jsonl"
MOST_FILES: Final = 8
_UNFIT: Final = re.compile(r"[^A-Za-z0-9.]+")


class Shelf:
    """`folder` is made when it is missing. Workloads that share it keep apart by the names of their files."""

    def __init__(self, folder: Path, workload: str) -> None:
        self._folder = folder
        self._prefix = f"flight-{_piece(workload)}-"
        self._ours = re.compile(
            re.escape(self._prefix) + r"\d{8}T\d{6}\.\d{6}Z-\d+-[^/]*" + re.escape(SUFFIX)
        )

    def __repr__(self) -> str:
        return f"Shelf({str(self._folder)!r})"

    def put(self, record: bytes, wall_s: float, reason: str) -> Path:
        """Blocking. Where it is now: `flight-WORKLOAD-TIME-PID-REASON.jsonl`. `OSError` when it cannot be."""
        moment = datetime.fromtimestamp(wall_s, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = self._folder / f"{self._prefix}{moment}-{os.getpid()}-{_piece(reason)}{SUFFIX}"
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, record)
        with contextlib.suppress(OSError):  # the record is there; old ones may stay
            self._tidy()
        return path

    def records(self) -> list[Path]:
        """Those of this workload, oldest first: their names sort by time."""
        return sorted(path for path in self._folder.iterdir() if self._ours.fullmatch(path.name))

    def _tidy(self) -> None:
        for path in self.records()[:-MOST_FILES]:
            path.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """All of it or nothing, also after a power cut. `OSError` when it cannot be; nothing is left behind then."""
    beside = path.with_name(f".{path.name}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(beside, flags, 0o640), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the name durable too; some file systems cannot, and the file is there all the same."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _piece(text: str) -> str:
    """Of a file name."""
    return _UNFIT.sub("_", text)[:80] or "_"
