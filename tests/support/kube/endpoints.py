"""The EndpointSlice controller: what `slices` wants, written."""

from typing import Any

from tests.support.kube import rollouts, slices
from tests.support.kube.hands import Hands
from tests.support.kube.resources import by_kind
from tests.support.kube.selectors import labels_of, of_object
from tests.support.kube.store import Store

Object = dict[str, Any]


class Endpoints:
    """`sync` one service after the other, as often as anything may have changed."""

    def __init__(self, store: Store, hands: Hands):
        self._store = store
        self._hands = hands
        self._times = slices.TriggerTimes()

    async def sync(self, service: Object) -> None:
        """Create, update and delete slices until they are as wanted."""
        selector = service["spec"].get("selector")
        if not selector:
            return
        chosen = of_object({"matchLabels": selector})
        pods = [pod for pod in self._hands.all("Pod", service) if chosen(labels_of(pod))]
        existing = [
            each for each in self._hands.all("EndpointSlice", service) if rollouts.controlled(each, service)
        ]
        nodes = self._store.all(by_kind("Node"))
        zones = {node["metadata"]["name"]: labels_of(node).get(slices.ZONE, "") for node in nodes}
        zones = {node: zone for node, zone in zones.items() if zone}
        since = self._times.since(service, pods)
        wanted = slices.wanted(service, pods, existing, zones, since)
        names = [each["metadata"].get("name") for each in wanted]
        for each in existing:
            if each["metadata"]["name"] not in names:
                await self._hands.delete(each)
        for each in wanted:
            if "name" not in each["metadata"]:
                await self._hands.create(each)
            elif each not in existing:
                await self._hands.update(each)
