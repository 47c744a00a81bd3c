"""Quantities as the server reads them, and the QoS class that follows from them."""

import re
from decimal import Decimal
from typing import Any

FORM = re.compile(r"^([+-]?[0-9.]+)([eE][-+]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$")
RULE = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
"""What messages say of the form, which is less than they mean."""
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
