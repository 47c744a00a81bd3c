"""Small files of the kernel: read whole, and nothing raised when one is missing, forbidden or odd."""

import os
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 1 << 22
"""Of one file; the largest, `mountinfo` of a busy node, has some hundred KiB."""


def read(path: Path) -> str | None:
    """The text; None when it cannot be read (absent, forbidden, switched off, its process gone)."""
    try:
        # Not blocking: what an application put in a file's place (a FIFO) must not hold us up.
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return _whole_file(number).decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(number)


def number(path: Path) -> int | None:
    """A file that holds one whole number; None when it holds anything else (`max`, nothing)."""
    return whole(read(path) or "")


def table(path: Path) -> dict[str, int]:
    """Lines of `name number`; other lines are passed over. Empty when it cannot be read."""
    rows: dict[str, int] = {}
    for line in (read(path) or "").splitlines():
        name, _, rest = line.partition(" ")
        value = whole(rest)
        if value is not None:
            rows[name] = value
    return rows


def whole(text: str) -> int | None:
    """Decimal digits, white space around them allowed. Twenty digits hold every number of the kernel's."""
    digits = text.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else None


def _whole_file(number: int) -> bytes:
    """By system calls: twenty times a second, Python's file objects are most of the cost."""
    content = piece = os.read(number, 1 << 16)
    while piece and len(content) < MOST_BYTES:
        piece = os.read(number, 1 << 16)
        content += piece
    return content
