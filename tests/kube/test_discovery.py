"""Discovery against the API server: services on demand, followed through everything a server does.

What needs a server that misbehaves on demand uses the double; the rest runs against a real one where there is one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sidecar.discovery import kubernetes
from sidecar.discovery.kubernetes import KubernetesSource
from sidecar.kube.client import Access, Client
from sidecar.policy.endpoints import EndpointsChanged
from tests.discovery.listener import Listener, heard
from tests.support.kube import ApiServer, Cluster

pytestmark = pytest.mark.kube

Object = dict[str, Any]


def service(name: str = "bus", namespace: str = "default", **spec: Any) -> Object:
    fields = {"ports": [{"name": "http", "port": 80, "targetPort": 8080}], **spec}
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": fields}


def endpoint(ip: str, name: str = "", **conditions: bool) -> Object:
    said = {"ready": True, "serving": True, "terminating": False, **conditions}
    found: Object = {"addresses": [ip], "conditions": said, "zone": "eu-1a"}
    if name:
        found["targetRef"] = {"kind": "Pod", "namespace": "default", "name": name}
    return found


def a_slice(*endpoints: Object, name: str = "bus-1", of: str = "bus", namespace: str = "default") -> Object:
    labels = {"kubernetes.io/service-name": of}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "addressType": "IPv4",
        "endpoints": list(endpoints),
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


@asynccontextmanager
async def following(
    api: Cluster, namespace: str = "default", token_file: str | None = None, **options: Any
) -> AsyncIterator[tuple[KubernetesSource, Listener]]:
    access = Access(api.url, token_file or str(api.token_file), str(api.ca_file))

    def make(on_error: Any) -> KubernetesSource:
        return KubernetesSource(Client(access), namespace, on_error, **options)

    async with heard(make) as (source, listener):
        assert isinstance(source, KubernetesSource)
        yield source, listener


async def bus(api: Cluster, *ips: str) -> str:
    """The service `bus` and its slice; the cluster IP."""
    made = await api.create(service())
    await api.create(a_slice(*[endpoint(ip, f"bus-{n}") for n, ip in enumerate(ips)]))
    ip: str = made["spec"]["clusterIP"]
    return ip


# -- questions


@pytest.mark.parametrize(
    "host", ["bus", "BUS.", "bus.default", "bus.default.svc", "bus.default.svc.cluster.local."]
)
@pytest.mark.parametrize("port", [80, None])
async def test_every_form_of_a_host_is_answered_with_its_endpoints(
    kube: Cluster, host: str, port: int | None
) -> None:
    ip = await bus(kube, "10.1.0.1", "10.1.0.2")
    async with following(kube) as (source, listener):
        source.seek(host, port)
        await listener.serves("bus", 80, "10.1.0.1:8080", "10.1.0.2:8080")
        event = listener.known["bus", 80]
        assert (event.addresses, event.portless) == ((f"{ip}:80",), True)
        assert event.endpoints is not None
        assert [(e.name, e.zone) for e in event.endpoints] == [("bus-0", "eu-1a"), ("bus-1", "eu-1a")]


async def test_a_cluster_ip_is_answered_as_its_service(kube: Cluster) -> None:
    ip = await bus(kube, "10.1.0.1")
    async with following(kube) as (source, listener):
        source.seek(ip, 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")


async def test_a_service_of_another_namespace_goes_by_its_full_name(kube: Cluster) -> None:
    await kube.create(service(namespace="kube-public"))
    await kube.create(a_slice(endpoint("10.1.0.7"), namespace="kube-public"))
    async with following(kube) as (source, listener):
        source.seek("bus.kube-public.svc", 80)
        await listener.serves("bus.kube-public", 80, "10.1.0.7:8080")


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("tram", 80),
        ("bus", 81),
        ("bus.nowhere", 80),
        ("example.com", 80),
        ("api.example.com", 80),
        ("10.9.9.9", 80),
    ],
)
async def test_what_is_not_there_is_answered_too(kube: Cluster, host: str, port: int) -> None:
    await bus(kube, "10.1.0.1")
    async with following(kube) as (source, listener):
        source.seek(host, port)
        await listener.unknown(host, port)
        assert source._followed == {}


async def test_an_external_name_is_nobodys(kube: Cluster) -> None:
    await kube.create(service(type="ExternalName", externalName="example.com"))
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.unknown("bus", 80)


async def test_a_service_without_endpoints_is_known(kube: Cluster) -> None:
    await kube.create(service())
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80)


async def test_a_headless_service_has_no_cluster_address(kube: Cluster) -> None:
    await kube.create(service(clusterIP="None"))
    await kube.create(a_slice(endpoint("10.1.0.1")))
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        assert listener.known["bus", 80].addresses == ()


async def test_asked_again_it_answers_again(kube: Cluster) -> None:
    await bus(kube, "10.1.0.1")
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        before = len(listener.said)
        source.seek("bus", 80)
        await listener.until(lambda: len(listener.said) > before)
        assert listener.said[-1] == listener.known["bus", 80]


async def test_a_question_before_the_server_is_there_is_answered_when_it_is(double: ApiServer) -> None:
    await bus(double, "10.1.0.1")
    async with following(double) as (source, listener):
        async with double.gone():
            source.seek("bus", 80)
            await listener.until(lambda: listener.failed)
            assert listener.said == []
        await listener.serves("bus", 80, "10.1.0.1:8080")


# -- only what is asked for


async def test_only_what_is_asked_for_is_watched(double: ApiServer) -> None:
    await bus(double, "10.1.0.1")
    await double.create(service("tram"))
    async with following(double) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        paths = {path.partition("?")[0] for _, method, path in double.requests if method == "GET"}
        assert paths == {
            "/api/v1/namespaces/default/services",
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
        }
        assert len(source._watches) == 2, "one for the Services, one for the slices of bus"
        assert {event.host for event in listener.said if isinstance(event, EndpointsChanged)} == {"bus"}


async def test_a_service_nobody_asks_for_is_forgotten(kube: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "SWEEP_S", 0.01)
    now = 0.0
    await bus(kube, "10.1.0.1")
    async with following(kube, now=lambda: now) as (source, listener):
        source.seek("bus", 80)
        source.seek("x.kube-public", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        await listener.unknown("x.kube-public", 80)
        now, before = kubernetes.FORGET_S - 1, len(listener.said)
        source.seek("bus", 80)
        await listener.until(lambda: len(listener.said) > before)
        now += kubernetes.FORGET_S - 1
        await asyncio.sleep(5 * kubernetes.SWEEP_S)
        assert listener.addresses("bus", 80) == ["10.1.0.1:8080"], "it was asked for again in time"
        now += 2
        await listener.unknown("bus", 80)
        assert (source._followed, list(source._namespaces)) == ({}, ["default"])


async def test_more_services_than_there_is_room_for_are_answered_and_not_watched(
    kube: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes, "MOST_SERVICES", 1)
    await bus(kube, "10.1.0.1")
    await kube.create(service("tram"))
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        source.seek("tram", 80)
        await listener.unknown("tram", 80)
        source.seek("tram", 80)
        await listener.until(lambda: len(listener.said) == 3)
        assert [str(error) for error in listener.failed] == [
            "tram.default: refused: 1 services are watched already"
        ]


# -- change


async def test_pods_that_come_and_go_are_followed(kube: Cluster) -> None:
    await bus(kube, "10.1.0.1")
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        await kube.update(a_slice(endpoint("10.1.0.1"), endpoint("10.1.0.2")))
        await listener.serves("bus", 80, "10.1.0.1:8080", "10.1.0.2:8080")
        await kube.update(a_slice(endpoint("10.1.0.1", ready=False, terminating=True), endpoint("10.1.0.2")))
        await listener.serves("bus", 80, "10.1.0.2:8080")
        await kube.create(a_slice(endpoint("10.1.0.3"), name="bus-2"))
        await listener.serves("bus", 80, "10.1.0.2:8080", "10.1.0.3:8080")
        await kube.delete("EndpointSlice", "default", "bus-1")
        await listener.serves("bus", 80, "10.1.0.3:8080")


async def test_a_change_that_changes_nothing_is_not_told(kube: Cluster) -> None:
    await bus(kube, "10.1.0.1")
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        before = len(listener.said)
        await kube.update(
            a_slice(endpoint("10.1.0.1", "bus-0"), endpoint("10.1.0.9", ready=False, serving=False))
        )
        await kube.update(a_slice(endpoint("10.1.0.2")))
        await listener.serves("bus", 80, "10.1.0.2:8080")
        assert len(listener.said) == before + 1


async def test_a_service_that_is_deleted_is_unknown_and_may_come_back(kube: Cluster) -> None:
    await bus(kube, "10.1.0.1")
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        await kube.delete("Service", "default", "bus")
        await listener.unknown("bus", 80)
        await kube.create(service())
        await listener.until(lambda: _asks(source, listener))


def _asks(source: KubernetesSource, listener: Listener) -> bool:
    """As requests would, until it is there."""
    if listener.addresses("bus", 80) is None:
        source.seek("bus", 80)
    return listener.addresses("bus", 80) == ["10.1.0.1:8080"]


async def test_a_port_that_is_taken_away_is_unknown(kube: Cluster) -> None:
    await bus(kube, "10.1.0.1")
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        other = [{"name": "http", "port": 81, "targetPort": 8080}]
        await kube.patch("Service", "default", "bus", [{"op": "replace", "path": "/spec/ports", "value": other}],
                           content_type="application/json-patch+json")  # fmt: skip
        await listener.unknown("bus", 80)


# -- a server as it sometimes is


@pytest.mark.parametrize("how", ["end", "reset", "compact", "compact as status", "stall"])
async def test_whatever_happens_to_a_watch_it_is_followed_on(
    double: ApiServer, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bus(double, "10.1.0.1")
    async with following(double) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        before = list(listener.said)
        if how in ("end", "reset"):
            double.break_watches(reset=how == "reset")
        elif how.startswith("compact"):
            double.faults.gone_as_status = how == "compact as status"
            double.stall_watches()
            await double.update(a_slice(endpoint("10.1.0.9")))
            double.compact()
            double.stall_watches(False)
            double.break_watches()
        else:
            double.stall_watches()
            double.stall_watches(False)
        await double.update(a_slice(endpoint("10.1.0.1"), endpoint("10.1.0.2")))
        await listener.serves("bus", 80, "10.1.0.1:8080", "10.1.0.2:8080")
        lost = [event for event in listener.said[len(before) :] if event.endpoints in (None, ())]  # type: ignore[union-attr]
        assert lost == [], "what was known stayed in force"


async def test_while_the_server_is_gone_everything_stays_and_then_it_is_in_sync_again(
    double: ApiServer,
) -> None:
    await bus(double, "10.1.0.1")
    async with following(double) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        async with double.gone():
            await listener.until(lambda: len(listener.failed) == 2)
            assert listener.addresses("bus", 80) == ["10.1.0.1:8080"]
            assert "stays in force" in str(listener.failed[0])
        await double.update(a_slice(endpoint("10.1.0.2")))
        await listener.serves("bus", 80, "10.1.0.2:8080")
        assert len(listener.failed) == 2, "each watch says once that the server is gone"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_overloaded_server_is_asked_again(double: ApiServer, status: int) -> None:
    await bus(double, "10.1.0.1")
    double.faults.answer(status, times=3)
    async with following(double) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        assert len(listener.failed) == 1


async def test_a_token_that_was_replaced_is_used(double: ApiServer) -> None:
    await bus(double, "10.1.0.1")
    async with following(double) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        double.expire_token()
        double.break_watches()
        await listener.until(lambda: any("401" in str(error) for error in listener.failed))
        double.renew_token()
        await double.update(a_slice(endpoint("10.1.0.2")))
        await listener.serves("bus", 80, "10.1.0.2:8080")


# -- rights

READ = {"verbs": ["list", "watch"]}
SERVICES = {**READ, "apiGroups": [""], "resources": ["services"]}
SLICES = {**READ, "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]}


async def test_the_documented_rights_are_enough_and_end_at_the_namespace(
    double: ApiServer, tmp_path: Any
) -> None:
    await bus(double, "10.1.0.1")
    token = tmp_path / "token"
    token.write_text(double.allow([], inside={"default": [SERVICES, SLICES]}))
    async with following(double, token_file=str(token)) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
        assert listener.failed == []
        source.seek("bus.kube-public", 80)
        await listener.unknown("bus.kube-public", 80)
        assert "403 Forbidden" in str(listener.failed[0])


@pytest.mark.parametrize("rules", [[], [SERVICES]], ids=["none", "services only"])
async def test_without_rights_everything_is_unknown_and_said_so(
    double: ApiServer, tmp_path: Any, rules: list[Object]
) -> None:
    await bus(double, "10.1.0.1")
    token = tmp_path / "token"
    token.write_text(double.allow([], inside={"default": rules}))
    async with following(double, token_file=str(token)) as (source, listener):
        source.seek("bus", 80)
        await listener.unknown("bus", 80)
        assert "403 Forbidden" in str(listener.failed[0])


async def test_without_a_right_to_slices_whoever_asked_by_cluster_ip_or_without_a_port_is_answered(
    double: ApiServer, tmp_path: Any
) -> None:
    service = await bus(double, "10.1.0.1")
    token = tmp_path / "token"
    token.write_text(double.allow([], inside={"default": [SERVICES]}))
    async with following(double, token_file=str(token)) as (source, listener):
        source.seek("bus", 80)
        await listener.unknown("bus", 80)
        told = listener.known["bus", 80]
        assert told.endpoints is None
        assert (told.portless, told.addresses) == (True, (f"{service}:80",))


async def test_it_runs_again_where_it_was(kube: Cluster) -> None:
    await bus(kube, "10.1.0.1")
    async with following(kube) as (source, listener):
        source.seek("bus", 80)
        await listener.serves("bus", 80, "10.1.0.1:8080")
    again = Listener()
    task = asyncio.get_running_loop().create_task(source.run(again.publish))
    await kube.update(a_slice(endpoint("10.1.0.2")))
    await again.serves("bus", 80, "10.1.0.2:8080")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
