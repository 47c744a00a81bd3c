"""One Service that requests go to: its ports that were asked for, its slices, what was said of it. Pure."""

from collections.abc import Iterable, Mapping

from sidecar.kube import slices
from sidecar.kube.names import Key
from sidecar.kube.slices import Object, Port, Service, Slice
from sidecar.policy.endpoints import EndpointsChanged, Publish


class Followed:
    """`host`: as it is published. What it says are whole events, each once unless somebody asks again."""

    def __init__(self, key: Key, host: str, service: Service) -> None:
        self.key = key
        self.host = host
        self.service = service
        self.asked_at = 0.0
        self.settled = False
        """Its slices have been listed, or we may not list them."""
        self._slices: dict[str, Slice] | None = None
        self._said: dict[int, EndpointsChanged | None] = {}

    def __repr__(self) -> str:
        return f"Followed({self.host!r}, ports={list(self._said)}, settled={self.settled})"

    @property
    def what(self) -> str:
        """For messages."""
        return f"EndpointSlices of {self.host}"

    @property
    def path(self) -> str:
        """Of the collection that is watched."""
        return f"/apis/discovery.k8s.io/v1/namespaces/{self.key[0]}/endpointslices"

    @property
    def query(self) -> Mapping[str, str]:
        """What selects its slices."""
        return {"labelSelector": f"{slices.SERVICE_NAME}={self.key[1]}"}

    def asked(self, port: Port, publish: Publish, now: float) -> None:
        """Somebody wants this port: answer, again if need be, or as soon as the slices are known."""
        self.asked_at = now
        self._said[port.number] = None
        self.say(publish)

    def say(self, publish: Publish) -> None:
        """What has not been said yet."""
        for number, said in self._said.items():
            event = self._event(number) if self.settled else None
            if event is not None and event != said:
                publish(event)
                self._said[number] = event

    def farewell(self, publish: Publish) -> None:
        """It is no more, or nobody asks for it any more."""
        for number in self._said:
            publish(EndpointsChanged(self.host, number, None))

    def _event(self, number: int) -> EndpointsChanged:
        port = self.service.port(number)
        if port is None or self._slices is None:
            found = self.service.addresses(Port("", number))
            return EndpointsChanged(self.host, number, None, found, portless=True)
        return EndpointsChanged(
            self.host,
            number,
            slices.join(self._slices.values(), self.service, port),
            self.service.addresses(port),
            portless=port == self.service.port(None),
        )

    # -- what its watch finds

    def replaced(self, found: Iterable[Object]) -> None:
        """All its slices."""
        self._slices = {slices.name_of(each): slices.read_slice(each) for each in found}
        self.settled = True

    def changed(self, kind: str, found: Object) -> None:
        """One of its slices."""
        known = self._slices if self._slices is not None else {}
        if kind == "DELETED":
            known.pop(slices.name_of(found), None)
        else:
            known[slices.name_of(found)] = slices.read_slice(found)
        self._slices = known

    def refused(self) -> None:
        """We may not know them: requests go where they would go without us."""
        self.settled = True
