"""Kubernetes quantities: `500Mi`, `250m`, `1e3` (k8s.io/apimachinery/pkg/api/resource/quantity.go)."""

import re
from typing import Final

from sidecar.parsing import unfit

# A number, then a decimal exponent or a suffix.
_QUANTITY: Final = re.compile(
    r"([+-]?)([0-9]{0,20})(?:\.([0-9]{0,20}))?(?:[eE]([+-]?[0-9]{1,3})|([A-Za-z]{0,2}))"
)
_BINARY: Final = {"": 1} | {f"{letter}i": 1024**n for n, letter in enumerate("KMGTPE", 1)}
_DECIMAL: Final = {letter: 3 * n for n, letter in enumerate("num", -3)} | {
    letter: 3 * n for n, letter in enumerate("kMGTPE", 1)
}
"""Powers of ten."""


def parse_quantity(text: str, per_unit: int = 1) -> int:
    """A quantity in units of 1/`per_unit`, rounded away from zero as Kubernetes does. Raises ParseError.

    `parse_quantity("250m", 1000)` is 250, `parse_quantity("1.5Ki")` is 1536.
    """
    match = _QUANTITY.fullmatch(text)
    suffix = (match[5] or "") if match else ""
    digits = (match[2] + (match[3] or "")) if match else ""
    if match is None or not digits or not (suffix in _BINARY or suffix in _DECIMAL):
        raise unfit("not a quantity", "a number with Ki, Mi, Gi, k, M, G, m or an exponent")
    amount = int(digits) * _BINARY.get(suffix, 1) * per_unit
    tens = int(match[4] or 0) + _DECIMAL.get(suffix, 0) - len(match[3] or "")
    scale: int = 10 ** abs(tens)
    value: int = amount * scale if tens >= 0 else -(-amount // scale)
    return -value if match[1] == "-" else value
