"""For whom we stand down, remembered from cycle to cycle: told once, counted, and ended when it may end.

A VPA, an HPA and another resizer are seen on the objects, so that standing down ends with what is seen: the VPA is
gone or `Off`, or a user says `equilibrium.io/resize-since`. A value that is not ours leaves no such sign: after a
while, longer each time, it counts as what the pod has, and sizing goes on from there.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from coordinator.policy.ownership import FREE, NO_OWNERS, Object, Owners, Standing, Written, standing
from coordinator.policy.subject import Amounts, Policy
from sidecar.kube.notes import Note, shorten

FIRST_S: Final = 300.0
LONGEST_S: Final = 3600.0


@dataclass(slots=True)
class _Known:
    standing: Standing = FREE
    written: Written | None = None
    drifted: int = 0
    """Times in a row that somebody changed what we wrote."""
    resume_at: float = 0.0


class StandDown:
    """By uid of the pod. `first_s`, `longest_s`: how long a value that is not ours is left alone."""

    def __init__(self, *, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._known: dict[str, _Known] = {}

    def __repr__(self) -> str:
        return f"StandDown({dict(self.counts())})"

    def wrote(self, uid: str, container: str, amounts: Amounts) -> None:
        """A resize of ours left the container's spec so (`Outcome.after`)."""
        known = self._known.setdefault(uid, _Known())
        known.written = Written(uid, container, amounts)

    def lost(self) -> None:
        """We do not lead any more: what is written from here on is another's right."""
        for known in self._known.values():
            known.written, known.drifted = None, 0

    def keep(self, uids: Collection[str]) -> None:
        """Forget all but these pods."""
        kept = set(uids)
        self._known = {uid: known for uid, known in self._known.items() if uid in kept}

    def look(
        self,
        pod: Object,
        container: str,
        policy: Policy,
        owners: Owners = NO_OWNERS,
        *,
        now: float,
    ) -> tuple[Standing, bool]:
        """What may be done to the pod, and whether that is news: to be told (`note`) and counted by whoever leads."""
        known = self._known.setdefault(str(pod["metadata"]["uid"]), _Known())
        found = standing(pod, container, policy, owners, known.written)
        if found.reason == "drift":
            found = self._drift(known, found, now)
        before, known.standing = known.standing, found
        return found, (before.kind, before.reason) != (found.kind, found.reason)

    def counts(self) -> Counter[str]:
        """Pods by reason, of those for which we stand down or set limits only."""
        return Counter(known.standing.reason for known in self._known.values() if known.standing.reason)

    def _drift(self, known: _Known, found: Standing, now: float) -> Standing:
        if known.standing.reason != "drift":
            wait_s = min(self._first_s * 2.0 ** min(known.drifted, 16), self._longest_s)
            known.resume_at, known.drifted = now + wait_s, known.drifted + 1
        if now < known.resume_at:
            return found
        known.written = None
        return FREE


def note(pod: Object, found: Standing) -> Note:
    """The Event: about the pod's controller, which outlives it and is what people look at; else about the pod."""
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or ()
    owner = next((each for each in owners if each.get("controller") is True), None)
    about = owner or {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
    said = {
        "free": "is sized again",
        "limits-only": f"has only limits set ({found.reason}): {found.detail}",
        "stand-down": f"is not sized ({found.reason}): {found.detail}",
    }[found.kind]
    return Note(
        kind=str(about.get("kind") or ""),
        api_version=str(about.get("apiVersion") or ""),
        name=str(about.get("name") or ""),
        namespace=str(metadata.get("namespace") or ""),
        uid=str(about.get("uid") or ""),
        type="Normal" if found.kind == "free" else "Warning",
        reason="ResizeResumed" if found.kind == "free" else "ResizeStoodDown",
        message=shorten(f"pod {metadata['name']} {said}"),
    )
