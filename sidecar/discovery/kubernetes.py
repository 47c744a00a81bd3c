"""Endpoints from the API server itself, where the pod's service account may list and watch (docs/discovery.md).

On demand, so that a sidecar's load on the API server follows what its application calls. Watched are:

* the Services of the own namespace, always: which of them a cluster IP belongs to must be known before it is asked;
* the Services of another namespace while one of them is in use: asked for by name, `bus.other`;
* the EndpointSlices of each Service in use, by label.

Whose workload a pod belongs to is not said: a slice names the pod alone, its name does not tell safely what made it
(`a-6d4b75cb6d-x2x9k` may be anybody's pod), and a wrong identity would be policed.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from sidecar import clock
from sidecar.discovery import places
from sidecar.discovery.followed import Followed
from sidecar.discovery.places import Found, Namespace
from sidecar.discovery.source import OnError
from sidecar.errors import DiscoveryError
from sidecar.kube import names
from sidecar.kube.client import ApiError, Client
from sidecar.kube.names import Key
from sidecar.kube.slices import Object
from sidecar.kube.watch import Reflector, stripped
from sidecar.policy.endpoints import EndpointsChanged, Publish

MOST_SERVICES = 256
"""In use at a time; each is a connection to the API server."""
MOST_NAMESPACES = 32
MOST_QUESTIONS = 1000
"""Waiting for an answer at the same time."""
FORGET_S = 600.0
"""A Service nobody asked for this long is forgotten."""
FORGET_NAMESPACE_S = 60.0
"""A namespace none of whose Services is in use: `example.com` may be one called `com`."""
SWEEP_S = 10.0

_REFUSED = (401, 403, 404)
"""Certain answers: we may not know, and the request goes where it would go without us."""


class KubernetesSource:
    """Follows the Services it is asked for; closes `client` whenever it stops running."""

    on_demand = True
    by_address = True

    def __init__(
        self, client: Client, namespace: str, on_error: OnError, now: Callable[[], float] = clock.now
    ) -> None:
        self._client = client
        self._own = namespace
        self._on_error = on_error
        self._now = now
        self._namespaces: dict[str, Namespace] = {}
        self._followed: dict[Key, Followed] = {}
        self._watches: dict[Namespace | Followed, asyncio.Task[None]] = {}
        self._questions: dict[tuple[str, int | None], None] = {}
        self._sought = asyncio.Event()
        self._full = False

    def __repr__(self) -> str:
        return f"KubernetesSource({len(self._followed)} services, {len(self._namespaces)} namespaces)"

    def seek(self, host: str, port: int | None) -> None:
        """As `Source.seek`; a cluster IP is answered as the Service it belongs to."""
        if len(self._questions) < MOST_QUESTIONS:
            self._questions[host.lower(), port] = None
            self._sought.set()

    async def run(self, publish: Publish) -> None:
        """Until cancelled; one task per watch, all of which end with it."""
        self._watches = {}
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._sought.clear()
                    self._namespace(self._own)
                    self._answer(publish)
                    self._forget(publish)
                    self._keep_watching(group, publish)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(SWEEP_S):
                            await self._sought.wait()
        finally:
            await self._client.close()

    # -- questions

    def _answer(self, publish: Publish) -> None:
        """What can be answered now; the rest waits for a list that is under way."""
        questions, self._questions = self._questions, {}
        for host, port in questions:
            place, found = self._by_ip(host, port) if names.is_ip(host) else self._by_name(host, port)
            followed = self._follow(found) if found is not None else None
            if found is not None and followed is not None:
                followed.asked(found[2], publish, self._now())
            elif place is None or place.settled:
                publish(EndpointsChanged(host, port or 80, None))
            else:
                self._questions[host, port] = None

    def _by_name(self, host: str, port: int | None) -> tuple[Namespace | None, Found | None]:
        key = names.service(host, self._own)
        place = self._namespace(key[0]) if key is not None else None
        return place, place.by_name(key[1], port) if key is not None and place is not None else None

    def _by_ip(self, ip: str, port: int | None) -> tuple[Namespace | None, Found | None]:
        found = [place.by_ip(ip, port) for place in self._namespaces.values()]
        return self._namespaces[self._own], next(filter(None, found), None)

    def _namespace(self, name: str) -> Namespace | None:
        """Watched from now on; None when there is no room for another one."""
        place = self._namespaces.get(name)
        if place is None and len(self._namespaces) < MOST_NAMESPACES:
            place = self._namespaces[name] = Namespace(name, self._now())
        if place is not None:
            place.asked_at = self._now()
        return place

    def _follow(self, found: Found) -> Followed | None:
        """Watched from now on; None when there is no room for another one."""
        key, service, _ = found
        followed = self._followed.get(key)
        if followed is None and len(self._followed) < MOST_SERVICES:
            followed = self._followed[key] = Followed(key, names.host(key, self._own), service)
        elif followed is None and not self._full:
            self._full = True
            limit = f"{MOST_SERVICES} services are watched already"
            self._on_error(DiscoveryError(f"{key[1]}.{key[0]}: refused: {limit}"))
        return followed

    def _forget(self, publish: Publish) -> None:
        now = self._now()
        for followed in [each for each in self._followed.values() if now - each.asked_at >= FORGET_S]:
            self._drop(followed, publish)
        in_use = {namespace for namespace, _ in self._followed} | {self._own}
        for place in list(self._namespaces.values()):
            if place.name not in in_use and now - place.asked_at >= FORGET_NAMESPACE_S:
                del self._namespaces[place.name]

    def _drop(self, followed: Followed, publish: Publish) -> None:
        del self._followed[followed.key]
        self._full = False
        followed.farewell(publish)

    # -- watches

    def _keep_watching(self, group: asyncio.TaskGroup, publish: Publish) -> None:
        """One task for each of the namespaces and Services there are now."""
        wanted = {*self._namespaces.values(), *self._followed.values()}
        for gone in self._watches.keys() - wanted:
            self._watches.pop(gone).cancel()
        for place in self._namespaces.values():
            if place not in self._watches:
                self._watches[place] = group.create_task(self._watch_namespace(place, publish))
        for followed in self._followed.values():
            if followed not in self._watches:
                self._watches[followed] = group.create_task(self._watch_slices(followed, publish))

    async def _watch_namespace(self, place: Namespace, publish: Publish) -> None:
        def told() -> None:
            for followed in [each for each in self._followed.values() if each.key[0] == place.name]:
                service = place.services.get(followed.key[1])
                if service is None:
                    self._drop(followed, publish)
                else:
                    followed.service = service
                    followed.say(publish)
            self._sought.set()  # there may be questions that waited for this

        await self._watch(place, told, places.needed, {})

    async def _watch_slices(self, followed: Followed, publish: Publish) -> None:
        await self._watch(followed, lambda: followed.say(publish), stripped, followed.query)

    async def _watch(
        self,
        subject: Namespace | Followed,
        told: Callable[[], None],
        keep: Callable[[Object], Object],
        query: Mapping[str, str],
    ) -> None:
        def replaced(found: list[Object]) -> None:
            subject.replaced(found)
            told()

        def changed(kind: str, found: Object) -> None:
            subject.changed(kind, found)
            told()

        def failed(error: ApiError) -> None:
            self._on_error(DiscoveryError(f"{subject.what}: {error}; what is known stays in force"))
            if error.status in _REFUSED and not subject.settled:
                subject.refused()
                told()

        await Reflector(
            self._client, subject.path, replaced, changed, failed=failed, keep=keep, query=query
        ).run()
