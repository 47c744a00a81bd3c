"""What sidecars answer to `/demand`, `/state` and `/negotiate` (docs/demand.md, memory-hooks.md), checked. Pure."""

import math
from dataclasses import dataclass
from typing import Any, Final

from coordinator.policy.grant import Consent, Grant
from sidecar.parsing import ParseError
from sidecar.policy import quantities

LONGEST_TEXT: Final = 300
OK: Final = 200
NO: Final = 409
UNHEARD: Final = "unheard"
"""The word of a no that nobody said: it is not remembered."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a sidecar says of its pod; shares of 0 to 1."""

    demand: float
    throttled: float | None
    usage_bytes: int | None = None
    """Memory the application uses."""


def demand(said: dict[str, Any], namespace: str, pod: str) -> Demand:
    """Raise ValueError with what is wrong: nothing of such an answer is used."""
    name, home = said.get("pod"), said.get("namespace")
    told = f"{home or namespace}/{name}"
    if name and told != f"{namespace}/{pod}":  # one started by hand may know neither
        raise ValueError(f"the sidecar there is that of pod {told[:80]!r}: an address that changed hands")
    throttled = said.get("throttling")
    return Demand(
        _share("demand", said.get("demand")), None if throttled is None else _share("throttling", throttled)
    )


def memory(said: dict[str, Any]) -> int | None:
    """What the application uses, bytes, from `/state`; None where its sidecar cannot tell or says nonsense."""
    readings = said.get("memory")
    for reading in readings if isinstance(readings, list) else ():
        if isinstance(reading, dict) and reading.get("app") is True:
            return _whole(reading.get("usage_bytes"))
    return None


def _share(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} is {str(value)[:60]!r}, no number")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}, outside 0 to 1")
    return float(value)


def proposal(grant: Grant, usage_bytes: int | None) -> dict[str, object]:
    """The body of a negotiation: what is to change and, for memory, what is known of its use.

    CPU use is not sent: a sidecar would refuse whatever is below it, and a pod that takes all it can get uses all it
    has. The floor is what protects it.
    """
    body: dict[str, object] = {}
    if grant.cpu_m is not None:
        body["proposed_cpu"] = f"{grant.cpu_m}m"
    if grant.memory_bytes is not None:
        body["proposed_memory"] = grant.memory_bytes
        if usage_bytes is not None:
            body["usage_memory"] = usage_bytes
    return body


def consent(status: int, said: dict[str, Any]) -> Consent:
    """200 with `accepted: true` is consent, everything else a veto. The reason begins with a word of the docs."""
    told = str(said.get("reason") or said.get("detail") or "")[:LONGEST_TEXT]
    if status == OK:
        if said.get("accepted") is True:
            return Consent("accepted")
        return vetoed("garbage", "the sidecar answered 200 without accepted: true; is another program there?")
    if status == NO:
        least_m = said.get("minimum_cpu")
        return Consent(
            "vetoed",
            f"{'busy' if told.startswith('busy') else 'refused'}: {told or 'no reason given'}",
            minimum_memory_bytes=_whole(said.get("minimum_memory")),
            minimum_cpu_m=_cpu(least_m) if isinstance(least_m, str) else None,
        )
    return vetoed(f"status-{status}", f"{_advice(status)} ({told})" if told else _advice(status))


def vetoed(word: str, text: str) -> Consent:
    """No answer is a no."""
    return Consent("vetoed", f"{word}: {text}")


def _advice(status: int) -> str:
    if status in (401, 403):
        return (
            "the sidecar does not know us: give the coordinator EQUILIBRIUM_MESH_KEY with the key of the pod's "
            "sidecars (Secret equilibrium-mesh-key), and check that both clocks agree within 30 s"
        )
    if status in (404, 405):
        return "no sidecar of ours answers there: is another program on its admin port?"
    if status == 400:
        return (
            "the sidecar does not understand the proposal: are coordinator and sidecar of the same release?"
        )
    return "the sidecar cannot answer: see its log and /state"


def _whole(value: object) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**60
    return value if fits and isinstance(value, int) else None


def _cpu(text: str) -> int | None:
    try:
        return _whole(quantities.parse_quantity(text, 1000))
    except ParseError:
        return None
