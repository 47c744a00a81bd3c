"""What follows when a workload's pod template changes, in words for whoever changed it."""

from typing import Any, Final

Json = dict[str, Any]

IMMUTABLE: Final = "a Job's pod template cannot change: annotate the Job when it is created, or its CronJob"


def what_follows(workload: Json, kind: str, outcome: str) -> str:
    """`outcome`: copied or removed."""
    done = (
        "settings copied to the pod template"
        if outcome == "copied"
        else "settings removed from the pod template"
    )
    return f"{done}: {_consequence(workload, kind)}"


def _consequence(workload: Json, kind: str) -> str:
    spec = workload.get("spec") or {}
    name = f"{kind.lower()}/{(workload.get('metadata') or {}).get('name')}"
    if kind == "CronJob":
        return "they count from its next run on"
    if spec.get("paused") is True:
        return f"it is paused, so nothing changes until kubectl rollout resume {name}"
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return "its update strategy is OnDelete, so pods change only as you delete them"
    return "a rolling update follows"
