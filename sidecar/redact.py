"""What may be kept of an event: plain values, short, without credentials. Pure.

A record is read by other people than those whose traffic it describes, so this is decided by what is known to be
harmless: numbers, truth values and short words. Credentials are recognised by the name they go by; query strings
by their `?`; user information in a URL by its `@`.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

MOST_KEYS: Final = 24
MOST_CHARACTERS: Final = 200
HIDDEN: Final = "(hidden)"

_SECRET: Final = re.compile(
    r"auth|cookie|token|secret|passw|credential|api_?-?key|private|session|signature|query|body|mac$|^key$|_key$",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"\b(basic|bearer|digest|negotiate)\s+\S", re.IGNORECASE)
_FIELD: Final = re.compile(
    r"(authorization|cookie|x-gt-auth|password|token|secret|session|sessionid)\s*[:=]", re.IGNORECASE
)
_USER: Final = re.compile(r"//[^/@\s]*@")
_QUERY: Final = re.compile(r"\?\S*")

Plain = float | str | bool | None


def plain(detail: Mapping[str, object]) -> dict[str, Plain]:
    """The details that may be kept: at most `MOST_KEYS`; nested values and odd types are left out."""
    kept: dict[str, Plain] = {}
    for name, value in detail.items():
        if len(kept) >= MOST_KEYS:
            break
        if isinstance(name, str) and isinstance(value, bool | int | float | str | None):
            kept[_words(name)[:64]] = HIDDEN if _SECRET.search(name) else _value(value)
    return kept


def numbers(values: Mapping[str, object]) -> dict[str, float]:
    """Only the finite numbers, to six decimals."""
    kept: dict[str, float] = {}
    for name, value in values.items():
        number = _number(value)
        if len(kept) < MOST_KEYS and number is not None:
            kept[_words(name)[:64]] = number
    return kept


def _value(value: float | str | None) -> Plain:
    if isinstance(value, str):
        return text(value)
    return value if isinstance(value, bool) else _number(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else None
    return round(value, 6)


def text(value: str) -> str:
    """Words without query strings and user information; hidden whole when they look like a credential."""
    words = _words(value)
    if _SCHEME.search(words) or _FIELD.search(words):
        return HIDDEN
    return _QUERY.sub("", _USER.sub("//", words))[:MOST_CHARACTERS]


def _words(value: str) -> str:
    """Printable: nothing that moves a cursor, nothing that UTF-8 cannot hold."""
    value = value[: 4 * MOST_CHARACTERS]
    return value if value.isprintable() else "".join(one if one.isprintable() else " " for one in value)
