"""Amounts as people and objects write them: what is asked for, rounded to what can be enforced, and its spelling.

A CPU limit is enforced in steps of 10 millicores (systemd's driver writes whole percents: runc#4622), so one is asked
for in such steps, rounded up: what the kernel would make of it anyway. Requests are kept to the millicore.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from coordinator.policy.subject import Amounts, Policy
from sidecar.parsing import ParseError, unfit
from sidecar.policy.quantities import parse_quantity

STEP_M: Final = 10
"""Millicores: of a CPU limit, and the least one there is."""
_MOST: Final = 2**62
_FIELDS: Final = {
    ("requests", "cpu"): "cpu_request_m",
    ("limits", "cpu"): "cpu_limit_m",
    ("requests", "memory"): "memory_request_bytes",
    ("limits", "memory"): "memory_limit_bytes",
}
_SIDES: Final[Mapping[Policy, tuple[str, ...]]] = {
    "limits": ("limits",),
    "requests": ("requests",),
    "both": ("requests", "limits"),
}

Key = tuple[str, str]
"""("requests" or "limits", "cpu" or "memory")"""
Wanted = dict[Key, int]
"""Millicores of CPU, bytes of memory: what is to be set, and nothing about what is to stay."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked for; None: leave it. Of `limits` and `both`, `cpu_m` is a multiple of 10."""

    cpu_m: int | None = None
    memory_bytes: int | None = None
    note: str = ""
    """What was rounded, and which way."""

    def wanted(self, policy: Policy) -> Wanted:
        """By what a policy sets."""
        given = {"cpu": self.cpu_m, "memory": self.memory_bytes}
        return {
            (side, name): value
            for side in _SIDES[policy]
            for name, value in given.items()
            if value is not None
        }


def change(cpu: str | int | None, memory: str | int | None, policy: Policy) -> Change:
    """From quantities as Kubernetes writes them, or millicores and bytes. Raises ParseError."""
    if policy not in _SIDES:
        raise unfit(f"policy {policy!r}", "limits, requests or both")
    if cpu is None and memory is None:
        raise unfit("nothing to change", "a cpu, a memory or both")
    asked_m = None if cpu is None else _positive(cpu, 1000, "cpu")
    memory_bytes = None if memory is None else _positive(memory, 1, "memory")
    if asked_m is None or policy == "requests":
        return Change(asked_m, memory_bytes)
    cpu_m = stepped(asked_m)
    note = "" if cpu_m == asked_m else f"cpu rounded up from {asked_m}m to {cpu_m}m, the step of a CPU limit"
    return Change(cpu_m, memory_bytes, note)


def stepped(cpu_m: int) -> int:
    """Rounded up to what the kernel enforces; never 0, which would mean no limit at all."""
    return max(STEP_M, -(-cpu_m // STEP_M) * STEP_M)


def _positive(given: str | int, per_unit: int, name: str) -> int:
    try:
        value = given if isinstance(given, int) else parse_quantity(given.strip(), per_unit)
    except ParseError as error:
        flaw = error.flaws[0]
        raise unfit(f"{name} {given!r}: {flaw.why}", flaw.allowed) from None
    if isinstance(given, bool) or not 0 < value < _MOST:
        raise unfit(f"{name} {given!r}", "more than 0, in millicores or bytes, or as 500m or 256Mi")
    return value


def read(resources: object) -> Amounts:
    """Of `resources` of a container, or of its status; what is missing or no quantity is None."""
    return Amounts(**{field: value_of(resources, key) for key, field in _FIELDS.items()})


def value_of(resources: object, key: Key) -> int | None:
    """One amount: millicores or bytes."""
    text = text_of(resources, key)
    if text is None:
        return None
    try:
        return parse_quantity(text, 1000 if key[1] == "cpu" else 1)
    except ParseError:
        return None


def text_of(resources: object, key: Key) -> str | None:
    """One amount as the object spells it."""
    side = resources.get(key[0]) if isinstance(resources, dict) else None
    found = side.get(key[1]) if isinstance(side, dict) else None
    return None if found is None or isinstance(found, bool) else str(found)


def wanted_of(amounts: Amounts) -> Wanted:
    """Everything an object says."""
    found = {key: getattr(amounts, field) for key, field in _FIELDS.items()}
    return {key: value for key, value in found.items() if value is not None}


def after(before: Amounts, wanted: Wanted) -> Amounts:
    """What a container has once it is set."""
    values = {field: getattr(before, field) for field in _FIELDS.values()}
    return Amounts(**values | {_FIELDS[key]: value for key, value in wanted.items()})


def spelled(key: Key, value: int) -> str:
    """As the server writes it back: `500m`, `2`, `256Mi`, `1500`."""
    if key[1] == "cpu":
        return f"{value}m" if value % 1000 else str(value // 1000)
    for suffix, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if value % size == 0:
            return f"{value // size}{suffix}"
    return str(value)


def words(amounts: Amounts) -> str:
    """`cpu 100m/500m, memory 64Mi/256Mi` (request/limit; - where there is none)."""
    said = {key: spelled(key, value) for key, value in wanted_of(amounts).items()}
    sides: Any = [
        f"{name} {said.get(('requests', name), '-')}/{said.get(('limits', name), '-')}"
        for name in ("cpu", "memory")
        if ("requests", name) in said or ("limits", name) in said
    ]
    return ", ".join(sides) or "nothing"
