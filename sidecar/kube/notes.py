"""What is to be said about an object, as a value: `kubectl describe` of the object shows it. Sans-IO."""

from dataclasses import dataclass
from typing import Final, Literal

LONGEST_MESSAGE: Final = 1024
"""Bytes that an Event takes."""


@dataclass(frozen=True, slots=True)
class Note:
    """An Event to be written about an object."""

    kind: str
    api_version: str
    name: str
    namespace: str
    uid: str
    """Empty for an object that does not exist yet."""
    type: Literal["Normal", "Warning"]
    reason: str
    """One word in CamelCase."""
    message: str
    """At most `LONGEST_MESSAGE` bytes (`shorten`)."""


def shorten(text: str, most: int = LONGEST_MESSAGE) -> str:
    """At most so many bytes of UTF-8, with dots where something is missing."""
    data = text.encode(errors="replace")
    return text if len(data) <= most else data[: most - 3].decode(errors="ignore") + "..."
