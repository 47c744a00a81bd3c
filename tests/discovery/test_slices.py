"""EndpointSlices and Services into endpoints: by the API's rules, as the real server wrote them and as drawn."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.kube.slices import Port, Service, join, read_service, read_slice
from tests.kube.server import transcript

HTTP = Port("http", 80)
BUS = Service("bus", ("10.96.0.7",), (HTTP,), ("IPv4", "IPv6"))


def pod(ip: str, *, name: str = "", zone: str | None = None, **conditions: bool | None) -> dict[str, Any]:
    endpoint: dict[str, Any] = {"addresses": [ip], "conditions": conditions}
    if name:
        endpoint["targetRef"] = {"kind": "Pod", "name": name, "namespace": "default"}
    if zone is not None:
        endpoint["zone"] = zone
    return endpoint


def ready(ip: str, **more: Any) -> dict[str, Any]:
    return pod(ip, **{"ready": True, "serving": True, "terminating": False, **more})


def leaving(ip: str, **more: Any) -> dict[str, Any]:
    return pod(ip, **{"ready": False, "serving": True, "terminating": True, **more})


def unready(ip: str, **more: Any) -> dict[str, Any]:
    return pod(ip, **{"ready": False, "serving": False, "terminating": False, **more})


def dead(ip: str, **more: Any) -> dict[str, Any]:
    return pod(ip, **{"ready": False, "serving": False, "terminating": True, **more})


def a_slice(*endpoints: dict[str, Any], family: str = "IPv4", ports: Any = "http:8080") -> dict[str, Any]:
    if isinstance(ports, str):
        name, _, number = ports.partition(":")
        ports = [{"name": name, "port": int(number), "protocol": "TCP"}]
    return {"addressType": family, "endpoints": list(endpoints), "ports": ports}


def addresses(*slices: dict[str, Any], service: Service = BUS, port: Port = HTTP) -> list[str]:
    return [endpoint.address for endpoint in join(map(read_slice, slices), service, port)]


# -- as the real server wrote it


def test_the_recorded_list_gives_its_three_pods() -> None:
    items = transcript("endpointslices-list")["body"]["items"]
    service = read_service(transcript("service-get")["body"])
    assert service is not None
    [port] = service.ports
    found = join(map(read_slice, items), service, port)
    assert [(each.address, each.name) for each in found] == [
        (f"10.1.0.{n}:8080", f"bus-service-{n - 1}") for n in (1, 2, 3)
    ]
    assert service.addresses(port) == ("10.96.145.139:8080",)


@pytest.mark.parametrize(
    ("transcript_name", "seen"),
    [
        (
            "watch-endpointslices-with-bookmarks",
            [["10.1.0.2", "10.1.0.3"], ["10.1.0.3"], ["10.1.0.3"], []],
        ),
        (
            "watch-too-old-rv1",
            [
                [],
                ["10.1.0.1"],
                ["10.1.0.1", "10.1.0.2"],
                ["10.1.0.1", "10.1.0.2", "10.1.0.3"],
                ["10.1.0.2", "10.1.0.3"],
                ["10.1.0.3"],
                ["10.1.0.3"],
            ],
        ),
    ],
)
def test_a_recorded_watch_gives_those_who_serve_after_each_event(
    transcript_name: str, seen: list[list[str]]
) -> None:
    lines = transcript(transcript_name)["lines"]
    objects = [line["object"] for line in lines if line["type"] != "BOOKMARK"]
    assert [addresses(found) for found in objects] == [[f"{ip}:8080" for ip in ips] for ips in seen]


# -- who serves


def test_a_terminating_pod_serves_only_while_no_ready_one_exists() -> None:
    assert addresses(a_slice(ready("10.0.0.1"), leaving("10.0.0.2"))) == ["10.0.0.1:8080"]
    assert addresses(a_slice(unready("10.0.0.1"), leaving("10.0.0.2"))) == ["10.0.0.2:8080"]


def test_the_ready_one_may_be_in_another_slice() -> None:
    assert addresses(a_slice(leaving("10.0.0.2")), a_slice(ready("10.0.0.1"))) == ["10.0.0.1:8080"]


def test_pods_that_neither_serve_nor_are_ready_never_do() -> None:
    assert addresses(a_slice(unready("10.0.0.1"), dead("10.0.0.2"))) == []


def test_what_a_service_publishes_unready_is_ready_by_the_apis_word() -> None:
    published = pod("10.0.0.1", ready=True, serving=False, terminating=False)
    assert addresses(a_slice(published)) == ["10.0.0.1:8080"]


def test_a_terminating_pod_published_unready_serves_only_while_no_other_does() -> None:
    published = pod("10.0.0.1", ready=True, serving=True, terminating=True)
    assert addresses(a_slice(published)) == ["10.0.0.1:8080"]
    assert addresses(a_slice(published, ready("10.0.0.2"))) == ["10.0.0.2:8080"]


@pytest.mark.parametrize("conditions", [{}, {"ready": None, "serving": None, "terminating": None}, None])
def test_absent_conditions_read_as_ready_and_staying(conditions: dict[str, None] | None) -> None:
    absent = {"addresses": ["10.0.0.1"], "conditions": conditions}
    assert addresses(a_slice(absent, leaving("10.0.0.2"))) == ["10.0.0.1:8080"]


def test_absent_conditions_of_a_terminating_pod_read_as_serving() -> None:
    assert addresses(a_slice(pod("10.0.0.1", ready=False, terminating=True))) == ["10.0.0.1:8080"]


# -- joined


def test_slices_are_joined_and_an_address_given_twice_counts_once() -> None:
    two = a_slice(ready("10.0.0.1"), ready("10.0.0.2")), a_slice(ready("10.0.0.2"), ready("10.0.0.3"))
    assert addresses(*two) == ["10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"]


@pytest.mark.parametrize("turn", [1, -1])
def test_of_an_address_given_twice_the_better_word_counts(turn: int) -> None:
    two = [a_slice(leaving("10.0.0.1")), a_slice(ready("10.0.0.1"), leaving("10.0.0.2"))][::turn]
    assert addresses(*two) == ["10.0.0.1:8080"]


def test_of_an_endpoints_addresses_the_first_counts() -> None:
    many = {"addresses": ["10.0.0.1", "10.0.0.9"], "conditions": {"ready": True}}
    assert addresses(a_slice(many)) == ["10.0.0.1:8080"]


def test_of_two_families_the_services_first_is_used() -> None:
    two = a_slice(ready("10.0.0.1")), a_slice(ready("fd00::1"), family="IPv6")
    assert addresses(*two) == ["10.0.0.1:8080"], "a pod is not two endpoints"
    six = Service("bus", (), (HTTP,), ("IPv6", "IPv4"))
    assert addresses(*two, service=six) == ["[fd00::1]:8080"]


def test_a_family_without_endpoints_is_left_for_the_other() -> None:
    assert addresses(a_slice(unready("10.0.0.1")), a_slice(ready("fd00::1"), family="IPv6")) == [
        "[fd00::1]:8080"
    ]


def test_names_for_addresses_are_nobodys() -> None:
    assert addresses(a_slice(ready("pod.example.com"), family="FQDN")) == []


@pytest.mark.parametrize("empty", [None, []])
def test_a_slice_may_be_empty(empty: list[Any] | None) -> None:
    assert addresses({"addressType": "IPv4", "endpoints": empty, "ports": empty}) == []
    assert addresses({"addressType": "IPv4", "endpoints": [ready("10.0.0.1")], "ports": empty}) == []


# -- ports


def test_a_port_is_found_by_its_name_and_may_be_another_in_each_slice() -> None:
    two = a_slice(ready("10.0.0.1"), ports="http:8080"), a_slice(ready("10.0.0.2"), ports="http:9090")
    assert addresses(*two) == ["10.0.0.1:8080", "10.0.0.2:9090"], (
        "a named targetPort differs during a rollout"
    )


def test_a_port_of_another_name_is_another_port() -> None:
    admin = Port("admin", 81)
    both = Service("bus", (), (HTTP, admin), ("IPv4",))
    ports = [{"name": "http", "port": 8080}, {"name": "admin", "port": 9090}]
    assert addresses(a_slice(ready("10.0.0.1"), ports=ports), service=both) == ["10.0.0.1:8080"]
    assert addresses(a_slice(ready("10.0.0.1"), ports=ports), service=both, port=admin) == ["10.0.0.1:9090"]


@pytest.mark.parametrize("name", [None, ""])
def test_an_only_port_needs_no_name(name: str | None) -> None:
    plain = Port("", 80)
    ports = [{"name": name, "port": 8080}] if name is not None else [{"port": 8080}]
    service = Service("bus", (), (plain,), ("IPv4",))
    assert addresses(a_slice(ready("10.0.0.1"), ports=ports), service=service, port=plain) == [
        "10.0.0.1:8080"
    ]


@pytest.mark.parametrize("protocol", ["UDP", "SCTP"])
def test_only_tcp_is_served(protocol: str) -> None:
    ports = [{"name": "http", "port": 8080, "protocol": protocol}]
    assert addresses(a_slice(ready("10.0.0.1"), ports=ports)) == []


def test_a_port_without_a_number_serves_nobody() -> None:
    assert addresses(a_slice(ready("10.0.0.1"), ports=[{"name": "http", "port": None}])) == []


# -- what comes along


def test_pod_and_zone_are_kept() -> None:
    [endpoint] = join([read_slice(a_slice(ready("10.0.0.1", name="bus-0", zone="eu-1a")))], BUS, HTTP)
    assert (endpoint.name, endpoint.zone, endpoint.label) == ("bus-0", "eu-1a", "bus-0")
    assert endpoint.workload == "", "a pod's name does not tell what made it"


@pytest.mark.parametrize("name", ["has space", 'quote"', "new\nline", "x" * 300])
def test_a_name_that_fits_no_metric_is_left_out(name: str) -> None:
    [endpoint] = join([read_slice(a_slice(ready("10.0.0.1", name=name, zone=name)))], BUS, HTTP)
    assert (endpoint.label, endpoint.zone) == ("10.0.0.1:8080", "")


def test_two_endpoints_never_share_a_name() -> None:
    twins = a_slice(ready("10.0.0.1", name="bus-0"), ready("10.0.0.2", name="bus-0"))
    assert [each.label for each in join([read_slice(twins)], BUS, HTTP)] == ["10.0.0.1:8080", "10.0.0.2:8080"]


# -- services


def a_service(**spec: Any) -> Service | None:
    return read_service({"metadata": {"name": "bus"}, "spec": spec})


def test_an_external_name_has_no_endpoints() -> None:
    assert a_service(type="ExternalName", externalName="example.com") is None


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"clusterIP": "None", "clusterIPs": ["None"]}, {}])
def test_a_headless_service_has_no_address_of_its_own(spec: dict[str, Any]) -> None:
    service = a_service(ports=[{"port": 80}], **spec)
    assert service is not None
    assert service.addresses(service.ports[0]) == ()


def test_a_service_of_two_families_has_two_addresses() -> None:
    service = a_service(clusterIP="10.96.0.7", clusterIPs=["10.96.0.7", "fd00::7"], ports=[{"port": 80}])
    assert service is not None
    assert service.addresses(service.ports[0]) == ("10.96.0.7:80", "[fd00::7]:80")


@pytest.mark.parametrize(
    ("ports", "asked", "found"),
    [
        ([8080], None, 8080),
        ([8080], 8080, 8080),
        ([8080], 80, None),
        ([80, 9090], None, 80),
        ([8080, 9090], None, None),
        ([], None, None),
    ],
)
def test_a_host_without_a_port_means_80_or_the_only_one(
    ports: list[int], asked: int | None, found: int | None
) -> None:
    service = a_service(ports=[{"name": f"p{number}", "port": number} for number in ports])
    assert service is not None
    port = service.port(asked)
    assert (port.number if port else None) == found


# -- whatever is in the slices

CONDITION = st.sampled_from([True, False, None])
POD = st.builds(
    lambda n, ready, serving, terminating: pod(
        f"10.0.0.{n}", ready=ready, serving=serving, terminating=terminating
    ),
    st.integers(1, 6),
    CONDITION,
    CONDITION,
    CONDITION,
)
SLICES = st.lists(st.lists(POD, max_size=5).map(lambda pods: a_slice(*pods)), max_size=4)


def word(found: dict[str, Any]) -> tuple[bool, bool]:
    """(ready and staying, could serve at all), by the API's documentation."""
    said = found["conditions"]
    is_ready = said["ready"] is not False
    is_leaving = said["terminating"] is True
    return is_ready and not is_leaving, is_ready or (said["serving"] is not False and is_leaving)


@given(SLICES)
@settings(max_examples=200)
def test_nobody_terminating_is_asked_while_a_ready_one_exists(slices: list[dict[str, Any]]) -> None:
    pods = [each for found in slices for each in found["endpoints"]]
    best = {each["addresses"][0] for each in pods if word(each)[0]}
    last = {each["addresses"][0] for each in pods if word(each)[1]}
    assert set(addresses(*slices)) == {f"{ip}:8080" for ip in best or last}


@given(SLICES, st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_the_order_of_slices_changes_nothing(slices: list[dict[str, Any]], rng: Any) -> None:
    shuffled = list(slices)
    rng.shuffle(shuffled)
    assert addresses(*shuffled) == addresses(*slices)
