"""Figures from outside: numbers that are some, or a ValueError that says what was given and what is allowed."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_NUMBERS: Final = "biuf"
"""Kinds of arrays: texts, complex numbers, times and objects are none, though some of them can be made some."""


def array(name: str, value: object, allowed: str) -> NDArray[np.float64]:
    """A copy, of any shape, every entry finite. Raises ValueError."""
    try:
        found = np.array(value)
    except (TypeError, ValueError):
        raise unfit(name, value, allowed) from None  # lists of different lengths
    if found.dtype.kind not in _NUMBERS or not np.all(np.isfinite(found)):
        raise unfit(name, value, allowed)
    return found.astype(np.float64)


def is_number(value: object) -> bool:
    """An int or a float, of Python or numpy; NaN is one, too."""
    return isinstance(value, int | float | np.integer | np.floating)


def unfit(name: str, value: object, allowed: str) -> ValueError:
    """To be raised."""
    shown = " ".join(repr(value).split())
    return ValueError(f"{name} is {shown if len(shown) <= 80 else shown[:80] + '…'}; allowed: {allowed}")
