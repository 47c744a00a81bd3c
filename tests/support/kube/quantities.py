"""Quantities as the server reads them, and the QoS class that follows from them."""

import re
from decimal import ROUND_UP, Decimal
from typing import Any

FORM = re.compile(r"^([+-]?[0-9.]+)([eE][-+]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$")
RULE = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
"""What messages say of the form, which is less than they mean."""
BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
SUFFIX: dict[str, Decimal | int] = {"": 1, "k": 10**3}
SUFFIX |= {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
SUFFIX |= {letter: 10 ** (3 * power) for power, letter in enumerate("MGTPE", 2)}
SUFFIX |= {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", 1)}


def value(quantity: Any) -> Decimal:
    """`250m` → 0.25, `1Ki` → 1024, `2e3` → 2000."""
    found = FORM.match(str(quantity))
    if not found:
        raise ValueError(f"{quantity!r} is no quantity")
    number, suffix = found.group(1), found.group(2) or ""
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return Decimal(number + suffix)
    return Decimal(number) * SUFFIX[suffix]


def implied_requests(resources: dict[str, Any]) -> None:
    """A limit without a request is its own request, in place."""
    for name, limit in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, limit)


def qos_class(spec: dict[str, Any]) -> str:
    """Guaranteed when every container, init containers too, has equal cpu and memory requests and limits;
    BestEffort when none has any; Burstable else."""
    every = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    given = [container.get("resources") or {} for container in every]
    if not any(_positive(each.get(side)) for each in given for side in ("requests", "limits")):
        return "BestEffort"
    return "Guaranteed" if all(_equal(each) for each in given) else "Burstable"


def _positive(amounts: dict[str, Any] | None) -> bool:
    return any(value((amounts or {}).get(name, 0)) > 0 for name in ("cpu", "memory"))


def _equal(resources: dict[str, Any]) -> bool:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    return all(
        name in limits and value(limits[name]) == value(requests.get(name, limits[name]))
        for name in ("cpu", "memory")
    )


def canonical(quantity: Any) -> Any:
    """As the server writes it back: `1000m` → `1`, `2048Ki` → `2Mi`, `0.5` → `500m` (`CanonicalizeBytes`).
    What is no quantity, or has an exponent, is left as it is."""
    text = str(quantity)
    found = FORM.match(text)
    suffix = (found.group(2) or "") if found else "e"
    if suffix[:1] in ("e", "E") and len(suffix) != 1 and suffix != "Ei":
        return quantity
    amount = value(text)
    if suffix.endswith("i") and abs(amount) >= 1024 and amount == int(amount):
        return _shortest(int(amount), [(each, 1024**n) for n, each in enumerate(("", *BINARY))])
    nanos = int((amount * 10**9).to_integral_value(ROUND_UP))
    return _shortest(nanos, [(each, 1000**n) for n, each in enumerate(DECIMAL)]) if nanos else "0"


def _shortest(amount: int, units: list[tuple[str, int]]) -> str:
    """In the largest unit of which it is a whole number."""
    suffix, size = next(each for each in reversed(units) if amount % each[1] == 0)
    return f"{amount // size}{suffix}"
