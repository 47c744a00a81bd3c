"""Consent to a resize: accept what leaves the pod its punishment level, refuse the rest and say what would do.

The punishment level is what a pod keeps whatever the others do, and no agreement may push it below (individual
rationality: Fudenberg & Maskin, Econometrica 54, 1986). Here it is current use plus headroom. Too little memory
kills, so unknown use is a refusal; too little CPU slows down, so CPU is judged only where its use is known.
"""

from dataclasses import dataclass
from typing import Final

import orjson

from sidecar.parsing import Flaw, ParseError, suggestion, unfit
from sidecar.policy.quantities import parse_quantity

HEADROOM_PERCENT: Final = 10
LEAST_HEADROOM_BYTES: Final = 16 * 1024 * 1024
LEAST_HEADROOM_M: Final = 10
"""Millicores: the step in which CPU is granted."""

_MOST_FLAWS: Final = 8
_LARGEST: Final = 2**63 - 1  # Kubernetes' own limit
_MEMORY: Final = "bytes above 0 as a Kubernetes quantity, such as 500Mi, 1.5Gi, 1e9 or 524288000"
_CPU: Final = "cores above 0 as a Kubernetes quantity, such as 250m, 0.25 or 2"
_CPU_USE: Final = "cores, 0 or more, as a Kubernetes quantity, such as 250m, 0.25 or 2"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the request."""

    per_unit: int
    """1: whole bytes; 1000: millicores of a core."""
    least: int
    allowed: str


FIELDS: Final = {
    "proposed_memory": Field(1, 1, _MEMORY),
    "proposed_cpu": Field(1000, 1, _CPU),
    "usage_memory": Field(1, 1, _MEMORY),
    "usage_cpu": Field(1000, 0, _CPU_USE),
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody wants to give this pod, and what they believe it uses; None where they did not say."""

    memory_bytes: int | None = None
    cpu_m: int | None = None
    usage_memory_bytes: int | None = None
    usage_cpu_m: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Consent, or the reason against it."""

    reason: str
    """Empty when accepted."""
    minimum_memory_bytes: int | None
    """The least memory that would be accepted; None while use is unknown."""
    minimum_cpu_m: int | None
    to_free_bytes: int
    """By how much memory use would have to fall for consent; 0 when that alone would not do."""

    @property
    def accepted(self) -> bool:
        """Whether it is consent."""
        return not self.reason


def parse(body: bytes) -> Proposal:
    """A proposal from JSON. Raises ParseError with every mistake: the field, its value and what is allowed."""
    document = _object(body)
    flaws = _strangers([name for name in document if name not in FIELDS])
    given: dict[str, int] = {}
    for name, field in FIELDS.items():
        if document.get(name) is not None:  # null: not given
            try:
                given[name] = _amount(document[name], field)
            except ParseError as error:
                flaws += [Flaw(f"{name}: {flaw.why}", flaw.allowed) for flaw in error.flaws]
    if document.get("proposed_memory") is None and document.get("proposed_cpu") is None:
        flaws.append(Flaw("nothing is proposed", "proposed_memory, proposed_cpu or both"))
    if flaws:
        raise ParseError(*flaws)
    return Proposal(
        memory_bytes=given.get("proposed_memory"),
        cpu_m=given.get("proposed_cpu"),
        usage_memory_bytes=given.get("usage_memory"),
        usage_cpu_m=given.get("usage_cpu"),
    )


def judge(proposal: Proposal, usage_bytes: int | None) -> Verdict:
    """Whether to accept, with memory use of `usage_bytes` (None: unknown)."""
    memory = _against_memory(proposal.memory_bytes, usage_bytes)
    cpu = _against_cpu(proposal.cpu_m, proposal.usage_cpu_m)
    return Verdict(
        reason="; ".join([why for why in (memory, cpu) if why]),
        minimum_memory_bytes=None if usage_bytes is None else minimum_memory(usage_bytes),
        minimum_cpu_m=None if proposal.usage_cpu_m is None else minimum_cpu(proposal.usage_cpu_m),
        to_free_bytes=_to_free(proposal.memory_bytes, usage_bytes) if memory and not cpu else 0,
    )


def minimum_memory(usage_bytes: int) -> int:
    """Bytes: use plus 10 %, at least 16 MiB more."""
    return usage_bytes + max(_tenth(usage_bytes), LEAST_HEADROOM_BYTES)


def minimum_cpu(usage_m: int) -> int:
    """Millicores: use plus 10 %, at least 10 m more."""
    return usage_m + max(_tenth(usage_m), LEAST_HEADROOM_M)


def most_usage(memory_bytes: int) -> int:
    """The inverse of `minimum_memory`: the most that may be in use where `memory_bytes` is to be enough."""
    return min(memory_bytes * 100 // (100 + HEADROOM_PERCENT), memory_bytes - LEAST_HEADROOM_BYTES)


def _against_memory(proposed: int | None, usage: int | None) -> str:
    """Empty when there is nothing against it."""
    if proposed is None:
        return ""
    if usage is None:
        return "memory use is unknown: no source knows it, and usage_memory is not given"
    least = minimum_memory(usage)
    return (
        "" if proposed >= least else f"proposed_memory {proposed} is below use plus headroom, {least} bytes"
    )


def _against_cpu(proposed_m: int | None, usage_m: int | None) -> str:
    if proposed_m is None or usage_m is None:
        return ""
    least_m = minimum_cpu(usage_m)
    return (
        "" if proposed_m >= least_m else f"proposed_cpu {proposed_m}m is below use plus headroom, {least_m}m"
    )


def _to_free(proposed: int | None, usage: int | None) -> int:
    target = 0 if proposed is None else most_usage(proposed)
    return 0 if usage is None or target <= 0 else usage - target  # no app runs on nothing


def _tenth(usage: int) -> int:
    return -(-usage * HEADROOM_PERCENT // 100)


def _object(body: bytes) -> dict[str, object]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise unfit(f"the body is not JSON ({error})", _example()) from None
    if not isinstance(document, dict):
        raise unfit("the body is not a JSON object", _example())
    return document


def _amount(value: object, field: Field) -> int:
    """From a JSON string or number."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        kind = "a truth value" if isinstance(value, bool) else "an array or object"
        raise unfit(f"{kind} is not a quantity", field.allowed)
    shown = orjson.dumps(value).decode()
    try:
        amount = parse_quantity(value if isinstance(value, str) else shown, field.per_unit)
    except ParseError:
        raise unfit(f"{shown[:60]} is not a quantity", field.allowed) from None
    if not field.least <= amount <= _LARGEST:
        raise unfit(f"{shown[:60]} is out of range", field.allowed)
    return amount


def _strangers(names: list[str]) -> list[Flaw]:
    known = ", ".join(FIELDS)
    near = [f"{name!r}{suggestion(name, FIELDS)}" for name in [name[:60] for name in names[:_MOST_FLAWS]]]
    flaws = [Flaw(f"no such field {name}", known) for name in near]
    if len(names) > _MOST_FLAWS:
        flaws.append(Flaw(f"and {len(names) - _MOST_FLAWS} more unknown fields", known))
    return flaws


def _example() -> str:
    return '{"proposed_memory":"500Mi","proposed_cpu":"250m"}, and what is known of usage_memory, usage_cpu'
