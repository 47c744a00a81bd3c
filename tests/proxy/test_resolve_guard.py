"""Where passthrough may connect: never to loopback, link-local, cloud metadata or our own ports."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.proxy.resolve import may_reach

OWN = {15401, 15406, 15490}


@pytest.mark.parametrize("ip", ["93.184.216.34", "10.0.0.7", "192.168.1.1", "2606:2800:220:1::1", "fd00::7"])
def test_other_hosts_may_be_reached(ip: str) -> None:
    assert may_reach(ip, 443, OWN)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "224.0.0.1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::FFFF:7F00:1",
    ],
)
def test_local_addresses_may_not(ip: str) -> None:
    assert not may_reach(ip, 80, OWN), f"a Host header reached {ip}"


@pytest.mark.parametrize("ip", ["fd00:ec2::254", "fd20:ce::254", "64:ff9b::a9fe:a9fe"])
def test_metadata_services_may_not_be_reached_by_ipv6(ip: str) -> None:
    """AWS and Google have one in the unique-local range; the last is 169.254.169.254 through NAT64."""
    assert not may_reach(ip, 80, OWN)


@pytest.mark.parametrize("port", sorted(OWN))
@pytest.mark.parametrize("ip", ["10.0.0.7", "fd00::7"])
def test_our_own_ports_may_not_be_reached_on_any_host(ip: str, port: int) -> None:
    assert not may_reach(ip, port, OWN), "another sidecar's ports are not for applications"


@pytest.mark.parametrize(
    "ip", ["", "localhost", "127.1", "0177.0.0.1", "2130706433", "0x7f000001", "::1::", "%eth0"]
)
def test_what_is_not_an_address_may_not(ip: str) -> None:
    assert not may_reach(ip, 80, OWN), f"{ip} means loopback to some resolvers"


@given(st.ip_addresses(v=4, network="127.0.0.0/8"), st.integers(1, 65535))
@settings(max_examples=30)
def test_no_loopback_address_is_reached_in_either_spelling(ip: object, port: int) -> None:
    assert not may_reach(str(ip), port, set())
    assert not may_reach(f"::ffff:{ip}", port, set())
