"""What the API server says of Services, EndpointSlices, pods and nodes, brought into the world: two watches more."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from coordinator.feed.audience import Audience
from coordinator.feed.people import People
from coordinator.feed.world import Piece, World
from coordinator.kube.inventory import Inventory
from sidecar import clock
from sidecar.kube import slices
from sidecar.kube.client import Client, Object
from sidecar.kube.errors import ApiError
from sidecar.kube.names import Key
from sidecar.kube.watch import Reflector

Failed = Callable[[str, ApiError], None]
SERVICES: Final = "/api/v1/services"
SLICES: Final = "/apis/discovery.k8s.io/v1/endpointslices"


class Watching:
    """`inventory` follows pods and nodes already; `changed` is called after whatever may be news."""

    def __init__(
        self,
        client: Client,
        inventory: Inventory,
        people: People,
        world: World,
        audience: Audience,
        changed: Callable[[], None],
        failed: Failed,
    ) -> None:
        self._inventory = inventory
        self._people = people
        self._world = world
        self._audience = audience
        self._changed = changed
        self._services = Reflector(
            client,
            SERVICES,
            self._services_replaced,
            self._service_changed,
            failed=partial(failed, "services"),
            keep=_service,
        )
        self._slices = Reflector(
            client,
            SLICES,
            self._slices_replaced,
            self._slice_changed,
            failed=partial(failed, "endpointslices"),
            keep=_slice,
        )
        inventory.hear(self._heard)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._services.run())
            group.create_task(self._slices.run())

    def missing(self) -> str:
        """What has never been listed: half of it would be taken for all there is. Empty when nothing is."""
        listed = {
            "services": self._services.synced,
            "endpointslices": self._slices.synced,
            "pods": self._inventory.knows("pods"),
            "nodes": self._inventory.knows("nodes"),
        }
        names = ", ".join(name for name, there in listed.items() if not there)
        return f"not listed yet: {names}" if names else ""

    def silent_s(self) -> dict[str, float]:
        """For how long the API server has said nothing, by collection."""
        now = clock.now()
        each = {"services": self._services, "endpointslices": self._slices}
        return {name: now - found.heard_at for name, found in each.items() if found.heard_at is not None}

    def _services_replaced(self, found: list[Object]) -> None:
        self._world.services_are({each["key"]: each["read"] for each in found if each["read"] is not None})
        self._told()

    def _service_changed(self, kind: str, found: Object) -> None:
        self._world.service_is(found["key"], None if kind == "DELETED" else found["read"])
        self._told()

    def _slices_replaced(self, found: list[Object]) -> None:
        pieces: list[Piece] = [
            (each["key"], each["owner"], each["read"]) for each in found if each["owner"] is not None
        ]
        self._world.slices_are(pieces)
        self._told()

    def _slice_changed(self, kind: str, found: Object) -> None:
        gone = kind == "DELETED" or found["owner"] is None
        self._world.slice_is(found["key"], None if gone else found["owner"], found["read"])
        self._told()

    def _heard(self, collection: str, key: Key | None) -> None:
        """Of the inventory: a pod or a node, or with None all of them."""
        if collection == "nodes":
            self._world.zones_are(self._inventory.zones())
            self._told()
        elif collection == "pods":
            changed = (
                self._people.replace(dict(self._inventory.identities()))
                if key is None
                else self._people.put(key, self._inventory.identity(key))
            )
            if changed:
                self._world.people_are(changed)
                self._audience.touch()
                self._told()

    def _told(self) -> None:
        if self._world.moved():
            self._audience.touch()
        self._changed()


def _service(found: Object) -> Object:
    """What is kept of one; nonsense is one without endpoints, and does not end the watch of all others."""
    try:
        read = slices.read_service(found)
    except (AttributeError, KeyError, TypeError, ValueError):
        read = None
    return {"key": _key(found), "read": read}


def _slice(found: Object) -> Object:
    key = _key(found)
    labels = _mapping(_mapping(found.get("metadata")).get("labels"))
    name = labels.get(slices.SERVICE_NAME)
    owner = (key[0], name) if isinstance(name, str) and name else None
    try:
        return {"key": key, "owner": owner, "read": slices.read_slice(found)}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {"key": key, "owner": None, "read": None}


def _key(found: Object) -> Key:
    meta = _mapping(found.get("metadata"))
    return str(meta.get("namespace") or ""), str(meta.get("name") or "")


def _mapping(found: Any) -> Object:
    return found if isinstance(found, dict) else {}
