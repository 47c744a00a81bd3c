"""The application in a pod: which container it is, where it listens, and which of its ports can be caught by name."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from injector.mutation import probes

Json = dict[str, Any]

DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_HOOKS: Final = ("postStart", "preStop")
_HTTP: Final = re.compile(r"(http|web)(-[a-z0-9-]+)?")
"""As Istio and Linkerd read port names; `http2` and `https` are not HTTP/1."""


@dataclass(frozen=True, slots=True)
class NamedPort:
    """A port of a container, by its place in the list."""

    container: str
    index: int
    name: str
    number: int

    def as_json(self) -> Json:
        """For the status annotation."""
        return asdict(self)


def main(pod: Json) -> Json:
    """The container people mean: the one kubectl shows, else the first."""
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    containers: list[Json] = pod["spec"]["containers"]
    meant = annotations.get(DEFAULT_CONTAINER)
    return next((each for each in containers if each.get("name") == meant), containers[0])


def first_port(container: Json) -> int | None:
    """The first TCP port it declares."""
    return next((port.get("containerPort") for _, port in _tcp(container)), None)


def movable_port(spec: Json) -> NamedPort | None:
    """The first TCP port that its name says speaks HTTP/1, and whose name only Services (and other selectors) go by.

    What is dialled at the sidecar by name is read as HTTP/1: gRPC, TLS or a database there would be cut off. A name
    that two containers share stays: it would still be found in the other. So does one that the kubelet goes by, which
    looks only inside the container.
    """
    containers = spec["containers"]
    names = Counter(port.get("name") for each in _all(spec) for port in each.get("ports") or ())
    for container in containers:
        for index, port in _tcp(container):
            name = port.get("name") or ""
            if not _HTTP.fullmatch(name) or names[name] != 1:
                continue
            if name not in _kubelet_names(container):
                return NamedPort(container["name"], index, name, port["containerPort"])
    return None


def _all(spec: Json) -> list[Json]:
    return [*spec["containers"], *(spec.get("initContainers") or ())]


def _tcp(container: Json) -> Iterator[tuple[int, Json]]:
    for index, port in enumerate(container.get("ports") or ()):
        if (port.get("protocol") or "TCP") == "TCP":
            yield index, port


def _kubelet_names(container: Json) -> set[object]:
    """Names in hooks, and in probes; those that are rewritten ask for a number by then."""
    hooks = container.get("lifecycle") or {}
    asks = [hooks.get(name) or {} for name in _HOOKS] + [container.get(name) or {} for name in probes.FIELDS]
    return {
        action.get("port")
        for ask in asks
        for kind in probes.HANDLERS
        if (action := ask.get(kind)) is not None
    }
