"""Without interception: the application is told of the sidecar by HTTP_PROXY, and Services find it by a port's name."""

from collections.abc import Iterator
from typing import Any, Final

from injector.mutation import probes
from injector.mutation.application import NamedPort
from sidecar import contract

Json = dict[str, Any]

_PROXY: Final = f"http://127.0.0.1:{contract.OUTBOUND_PORT}"
_METADATA: Final = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "metadata.google.internal")
"""Where clouds hand out credentials: never a proxy's business, and refused by ours."""
_DIRECT: Final = ",".join(("localhost", "127.0.0.1", "::1", *_METADATA))
# Programs differ in which case they read, so both are set.
ENV: Final = {"HTTP_PROXY": _PROXY, "http_proxy": _PROXY, "NO_PROXY": _DIRECT, "no_proxy": _DIRECT}


def chosen_itself(container: Json) -> list[str]:
    """Which of the variables the container sets; then none is added, since half of each would be neither's wish."""
    return [each["name"] for each in container.get("env") or () if each.get("name") in ENV]


def checks_itself(container: Json) -> bool:
    """A probe or hook of it runs a command, which inherits the variables: BusyBox wget knows no NO_PROXY."""
    hooks = (container.get("lifecycle") or {}).values()
    return any((ask or {}).get("exec") for ask in [*hooks, *(container.get(name) for name in probes.FIELDS)])


def with_proxy(container: Json) -> Json:
    """The container with the variables after its own; the same object when it sets any itself, or checks itself."""
    if chosen_itself(container) or checks_itself(container):
        return container
    ours = [{"name": name, "value": value} for name, value in ENV.items()]
    return container | {"env": [*(container.get("env") or ()), *ours]}


def without_name(container: Json, port: NamedPort) -> Json:
    """The container with that one port nameless, so that the name can be the sidecar's."""
    ports = list(container["ports"])
    ports[port.index] = {key: value for key, value in ports[port.index].items() if key != "name"}
    return container | {"ports": ports}


def warnings(containers: list[Json], port: NamedPort | None) -> Iterator[str]:
    """What is not caught."""
    inbound = (
        f"inbound only by Services whose targetPort is the name {port.name!r}; these reach port "
        f"{contract.INBOUND_PORT} now, which a NetworkPolicy that goes by number must allow"
        if port
        else "no inbound at all: no container has a TCP port of its own named http, web, http-… or web-…"
    )
    yield f"without interception the sidecar sees outbound requests of programs that honour HTTP_PROXY, and {inbound}"
    for container in containers:
        if given := chosen_itself(container):
            yield f"container {container['name']} sets {given[0]} itself: its requests do not pass the sidecar"
        elif checks_itself(container):
            yield (
                f"container {container['name']} has a probe or hook that runs a command, which would inherit "
                "HTTP_PROXY: it is not set, and its requests do not pass the sidecar"
            )
