"""deploy/example against the application it runs: roles, ports, pages, and who calls whom."""

import shlex
from urllib.parse import urlsplit

import pytest

from loadtest.mesh import addresses
from loadtest.urbanmove import __main__ as program
from loadtest.urbanmove import upstreams
from loadtest.urbanmove.pod import Options, Pod
from sidecar import contract
from tests.deploy import manifests

SERVICES = {**addresses.SERVICES, addresses.GATEWAY: addresses.ENTRANCE}
CALLS = {"gateway": {"bus", "trajet", "user", "ticket"}, "ticket-service": {"trajet"}}
ALONE = ("gateway", "user-service", "ticket-service")
"""user and ticket keep what they are told in the process; of the gateway one is enough to look at."""


def pods() -> dict[str, manifests.Object]:
    return dict(manifests.templates(manifests.rendered(manifests.EXAMPLE)))


def container(name: str) -> manifests.Object:
    found: list[manifests.Object] = pods()[name]["spec"]["containers"]
    assert len(found) == 1
    return found[0]


def test_there_is_every_service_of_the_application_in_its_namespace() -> None:
    assert set(pods()) == set(SERVICES)
    for each in manifests.rendered(manifests.EXAMPLE):
        assert each["metadata"].get("namespace", each["metadata"]["name"]) == addresses.NAMESPACE


@pytest.mark.parametrize("name", SERVICES)
def test_the_program_understands_its_arguments(name: str) -> None:
    chosen = program._parser().parse_args(container(name)["args"])
    assert chosen.role == SERVICES[name].role
    assert chosen.listen == f"0.0.0.0:{SERVICES[name].port}"
    # Faults are for those who may exec into the pod, not for everybody in the cluster
    assert chosen.control == f"127.0.0.1:{addresses.CONTROL_PORT}"
    assert chosen.pod == "$(POD_NAME)"
    assert manifests.environment(container(name))["POD_NAME"] == "metadata.name"


@pytest.mark.parametrize("name", SERVICES)
def test_its_port_has_a_name_and_is_the_one_it_listens_on(name: str) -> None:
    assert container(name)["ports"] == [{"name": "http", "containerPort": SERVICES[name].port}]


@pytest.mark.parametrize("name", SERVICES)
def test_probes_ask_for_a_page_that_is_there_or_for_a_connection(name: str) -> None:
    role = program.ROLES[SERVICES[name].role](Pod.of(Options(role=SERVICES[name].role)))
    pages = {route.path for route in role.routes() if route.method in ("GET", "*")}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container(name)[probe]
        if "httpGet" in asked:
            assert asked["httpGet"]["path"] in pages
        else:
            assert asked["tcpSocket"] == {"port": "http"}
            assert "/actuator/health" not in pages, "it has a health page: ask that"


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_told_where_those_are_that_it_calls_and_nobody_else(name: str) -> None:
    services = {
        each["metadata"]["name"]: each
        for each in manifests.of_kind(manifests.rendered(manifests.EXAMPLE), "Service")
    }
    told = {
        key: value for key, value in manifests.environment(container(name)).items() if key.endswith("_URL")
    }
    assert set(told) == {upstreams.SERVICES[role][0] for role in CALLS.get(name, ())}
    for role in CALLS.get(name, ()):
        url = urlsplit(told[upstreams.SERVICES[role][0]])
        assert services[str(url.hostname)]["spec"]["ports"][0]["port"] == url.port


def test_service_ports_are_composes_host_ports_so_that_two_differ_from_the_pods() -> None:
    found = {
        each["metadata"]["name"]: each["spec"]["ports"]
        for each in manifests.of_kind(manifests.rendered(manifests.EXAMPLE), "Service")
    }
    assert {name: ports[0]["port"] for name, ports in found.items()} == {
        "gateway": 8888,
        "bus-service": 8080,
        "trajet-service": 8082,
        "user-service": 8081,
        "ticket-service": 8083,
    }
    assert all(ports[0]["targetPort"] == "http" for ports in found.values())


@pytest.mark.parametrize("name", SERVICES)
def test_pods_have_both_labels_and_services_select_the_one_kompose_writes(name: str) -> None:
    objects = manifests.rendered(manifests.EXAMPLE)
    for labels in (
        pods()[name]["metadata"]["labels"],
        manifests.one(objects, "Deployment", name)["metadata"]["labels"],
    ):
        assert labels == {"app": name, "io.kompose.service": name}
    assert manifests.one(objects, "Service", name)["spec"]["selector"] == {"io.kompose.service": name}


def test_all_but_the_gateway_ask_for_a_sidecar() -> None:
    asking = {
        name
        for name, pod in pods().items()
        if pod["metadata"].get("annotations", {}).get(contract.INJECT) == "true"
    }
    assert asking == set(SERVICES) - {addresses.GATEWAY}


def test_services_that_keep_nothing_to_themselves_have_three_replicas() -> None:
    replicas = {
        each["metadata"]["name"]: each["spec"]["replicas"]
        for each in manifests.of_kind(manifests.rendered(manifests.EXAMPLE), "Deployment")
    }
    assert replicas == {name: 1 if name in ALONE else 3 for name in SERVICES}


def test_the_uid_of_the_application_is_not_the_sidecars() -> None:
    assert {pod["spec"]["securityContext"]["runAsUser"] for pod in pods().values()}.isdisjoint(
        {contract.PROXY_UID, 0}
    )


def test_arguments_survive_a_shell() -> None:
    for name in SERVICES:
        assert shlex.split(" ".join(container(name)["args"])) == container(name)["args"]
