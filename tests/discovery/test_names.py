"""Which Service a host names."""

import pytest

from sidecar.kube import names


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("bus", ("mine", "bus")),
        ("BUS.", ("mine", "bus")),
        ("bus.other", ("other", "bus")),
        ("bus.other.svc", ("other", "bus")),
        ("bus.other.svc.cluster.local", ("other", "bus")),
        ("bus.other.svc.cluster.local.", ("other", "bus")),
        ("bus.svc", ("svc", "bus")),
    ],
)
def test_every_form_names_the_service(host: str, key: tuple[str, str]) -> None:
    assert names.service(host, "mine") == key


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "api.example.com",
        "db-0.db.default.svc",
        "bus_1",
        "-bus",
        "bus..x",
        "10.96.0.7",
        "fd00::7",
        "a/b",
        "x" * 64,
    ],
)
def test_anything_else_names_none(host: str) -> None:
    assert names.service(host, "mine") is None


def test_in_the_own_namespace_a_service_goes_by_its_short_name() -> None:
    assert names.host(("mine", "bus"), "mine") == "bus"
    assert names.host(("other", "bus"), "mine") == "bus.other"
