"""Whether a pod's size is ours to set: no HPA, VPA or other resizer may be fought with. Pure.

Signs of others: a VPA or an HPA on one of the pod's controllers; an entry of `managedFields` with the subresource
`resize` by another manager, on this container's resources, no older than our own; a value that is not what we wrote
(shared/reference/kubernetes.md §4). All times compared are the API server's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from coordinator.policy import amounts
from coordinator.policy.autoscaling import Hpa, Vpa
from coordinator.policy.subject import Amounts, Policy
from sidecar.annotations import RESIZE_SINCE
from sidecar.parsing import ParseError

Object = dict[str, Any]
Kind = Literal["free", "limits-only", "stand-down"]

MANAGER: Final = "equilibrium-coordinator"
"""As whom we write."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Autoscalers of a pod's controllers."""

    hpas: tuple[Hpa, ...] = ()
    vpas: tuple[Vpa, ...] = ()


NO_OWNERS: Final = Owners()


@dataclass(frozen=True, slots=True)
class Written:
    """What our last resize left in the container's spec; None: not said. Of this very pod."""

    uid: str
    container: str
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Standing:
    """`limits-only`: policy `limits` would be safe, the one asked about is not, because it sets requests."""

    kind: Kind = "free"
    reason: str = ""
    """vpa, hpa, foreign-resizer, drift, unreadable; empty when free."""
    detail: str = ""
    """A sentence with the names."""
    memory: bool = True
    """False: somebody else sets its memory."""


FREE: Final = Standing()


def standing(
    pod: Object,
    container: str,
    policy: Policy,
    owners: Owners,
    written: Written | None,
    *,
    manager: str = MANAGER,
) -> Standing:
    """What may be done to this container, the strongest reason first. `manager`: as whom we write."""
    memory = True
    for vpa in owners.vpas:
        sets = vpa.sets(container)
        if "cpu" in sets:
            return Standing("stand-down", "vpa", _vpa(vpa, sets), memory=False)
        memory = memory and not sets
    other = _others(pod, container, manager, written)
    if other is not None:
        return other
    for hpa in owners.hpas if policy != "limits" else ():
        if hpa.divides_by(container):
            return Standing("limits-only", "hpa", _hpa(hpa), memory)
    return FREE if memory else Standing(memory=False)


def _vpa(vpa: Vpa, sets: frozenset[str]) -> str:
    what = " and ".join(sorted(sets))
    told = f"VerticalPodAutoscaler {vpa.namespace}/{vpa.name} (updateMode {vpa.mode}) sets its {what}"
    return f"{told}; it cannot be read: {vpa.flaw}" if vpa.flaw else told


def _hpa(hpa: Hpa) -> str:
    told = f"HorizontalPodAutoscaler {hpa.namespace}/{hpa.name} divides by its requests"
    return f"{told}; it cannot be read: {hpa.flaw}" if hpa.flaw else told


def _others(pod: Object, container: str, manager: str, written: Written | None) -> Standing | None:
    try:
        traces = _traces(pod, container, manager)
    except (ValueError, TypeError, AttributeError) as flaw:
        return Standing("stand-down", "unreadable", f"managedFields or {RESIZE_SINCE}: {flaw}")
    if foreign := _foreign(traces):
        return foreign
    if traces.since is not None and traces.since > (traces.ours or _EARLIEST):
        return None  # whatever came after our last write is said not to count
    return _drift(pod, container, written)


@dataclass(frozen=True, slots=True)
class _Traces:
    """What managedFields and annotations say; None: nothing."""

    since: datetime | None
    ours: datetime | None
    others: tuple[tuple[datetime, str], ...]


def _traces(pod: Object, container: str, manager: str) -> _Traces:
    """Raises ValueError, TypeError or AttributeError for what cannot be read."""
    metadata = _part(pod, "metadata")
    writers = list(_resizes(metadata, container))
    ours = max((at for name, at in writers if name == manager), default=None)
    return _Traces(_since(metadata), ours, tuple((at, name) for name, at in writers if name != manager))


def _foreign(traces: _Traces) -> Standing | None:
    after = max(traces.since or _EARLIEST, traces.ours or _EARLIEST)
    others = [(at, name) for at, name in traces.others if at >= after]
    if not others:
        return None
    at, name = max(others)
    said = f"{name or 'somebody'} resized it at {at.isoformat()}; to have it back: "
    said += f"annotation {RESIZE_SINCE} with a later time"
    return Standing("stand-down", "foreign-resizer", said)


_EARLIEST: Final = datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def _since(metadata: Object) -> datetime | None:
    given = _part(metadata, "annotations").get(RESIZE_SINCE)
    return None if given is None else _time(given)


def _resizes(metadata: Object, container: str) -> Iterator[tuple[str, datetime]]:
    """Manager and time of each entry that touches the resources of this container."""
    for entry in metadata.get("managedFields") or ():
        if entry.get("subresource") != "resize":
            continue
        spec = _part(_part(entry, "fieldsV1"), "f:spec")
        for group in ("f:containers", "f:initContainers"):
            if "f:resources" in _part(_part(spec, group), f'k:{{"name":"{container}"}}'):
                yield str(entry.get("manager") or ""), _time(entry.get("time"))


def _time(given: object) -> datetime:
    at = datetime.fromisoformat(str(given))
    if at.tzinfo is None:
        raise ValueError(f"{given}: no time zone")
    return at


def _drift(pod: Object, container: str, written: Written | None) -> Standing | None:
    if written is None or (written.uid, written.container) != (_part(pod, "metadata").get("uid"), container):
        return None
    try:
        found = _amounts(pod, container)
    except ParseError as flaw:
        return Standing("stand-down", "unreadable", f"resources of container {container}: {flaw}")
    for name in Amounts.__slots__:
        ours, theirs = getattr(written.amounts, name), getattr(found, name)
        if ours is not None and ours != theirs:
            return Standing(
                "stand-down", "drift", f"{name} is {theirs}, and we wrote {ours}: somebody else did"
            )
    return None


def _amounts(pod: Object, container: str) -> Amounts:
    spec = _part(pod, "spec")
    for each in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        if each.get("name") == container:
            return amounts.parse(each.get("resources"))
    return Amounts()


def _part(found: Object, name: str) -> Object:
    part = found.get(name)
    return part if isinstance(part, dict) else {}
