"""What has to wait before it is gone, and deletions that insist on what they saw."""

import copy
from collections.abc import Mapping
from typing import Any

from tests.support.kube.resources import Resource
from tests.support.kube.status import conflict
from tests.support.kube.strategies import stamp

Object = dict[str, Any]


def check(resource: Resource, before: Object, wanted: Mapping[str, str]) -> None:
    """409 unless it is the object, and the version, the preconditions name."""
    metadata = before["metadata"]
    for field, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if field in wanted and wanted[field] != metadata[field]:
            why = f"{word} in precondition: {wanted[field]}, {word} in object meta: {metadata[field]}"
            raise conflict(resource, metadata["name"], f"Precondition failed: {why}")


def marked(resource: Resource, before: Object, options: Mapping[str, Any]) -> Object | None:
    """The object as it waits for its end; None when it can go now.

    A pod on a node waits for the node, unless the grace period asked for is 0; finalizers are waited for always.
    """
    grace = 0
    if resource.kind == "Pod" and before["spec"].get("nodeName"):
        default = before["spec"].get("terminationGracePeriodSeconds", 30)
        asked = options.get("gracePeriodSeconds")
        grace = default if asked is None else asked
    if not grace and not before["metadata"].get("finalizers"):
        return None
    waiting = copy.deepcopy(before)
    waiting["metadata"].setdefault("deletionTimestamp", stamp())
    waiting["metadata"].setdefault("deletionGracePeriodSeconds", grace)
    return waiting
