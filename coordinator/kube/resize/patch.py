"""A resize as a JSON patch that compares before it sets (RFC 6902).

It `test`s the pod's uid, the container's name at its index, and what was read of every resource it touches. An amount
that is not there can not be tested (a `test` of a missing path fails), so the map around it is: equal to what was read,
it holds nothing that was not.
"""

import copy
from collections.abc import Iterator
from typing import Final

from coordinator.kube.resize import pods
from coordinator.kube.resize.amounts import Wanted, spelled, text_of
from coordinator.kube.resize.pods import Place
from sidecar.kube.bodies import Object

CONTENT_TYPE: Final = "application/json-patch+json"
_SIDES: Final = ("requests", "limits")

Operation = dict[str, object]


def build(pod: Object, place: Place, changed: Wanted) -> tuple[Operation, ...]:
    """() when nothing changes. `changed`: only what differs from what is there."""
    if not changed:
        return ()
    guards: list[Operation] = [
        _test("/metadata/uid", pods.metadata(pod).get("uid")),
        _test(f"{place.path}/name", place.container.get("name")),
    ]
    for guard in _read(place, {name for _, name in changed}):
        if guard not in guards:
            guards.append(guard)
    return (*guards, *_changes(place, changed))


def _read(place: Place, names: set[str]) -> Iterator[Operation]:
    """What was decided upon: requests and limits of what is touched, there or not."""
    path, resources = f"{place.path}/resources", place.container.get("resources")
    for side in _SIDES:
        amounts = pods.table(pods.table(resources).get(side))
        for name in sorted(names):
            if name in amounts:
                yield _test(f"{path}/{side}/{name}", amounts[name])
            elif amounts:
                yield _test(f"{path}/{side}", amounts)
            elif resources is not None:
                yield _test(path, resources)


def _changes(place: Place, changed: Wanted) -> Iterator[Operation]:
    path = f"{place.path}/resources"
    if place.container.get("resources") is None:
        yield {"op": "add", "path": path, "value": {}}
    for side in _SIDES:
        values = {
            name: spelled((each, name), value) for (each, name), value in changed.items() if each == side
        }
        amounts = pods.table(place.resources.get(side))
        if values and not amounts:
            yield {"op": "add", "path": f"{path}/{side}", "value": values}
            continue
        for name, value in values.items():
            op = "add" if text_of(place.resources, (side, name)) is None else "replace"
            yield {"op": op, "path": f"{path}/{side}/{name}", "value": value}


def _test(path: str, value: object) -> Operation:
    return {"op": "test", "path": path, "value": copy.deepcopy(value)}  # the pod may change, this may not
