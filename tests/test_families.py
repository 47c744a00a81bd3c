"""One port in both families: whoever comes by IPv6 finds what is listened to on IPv4."""

import errno

import pytest

from sidecar.families import NO_IPV6, on_both


class Recorder:
    """Stands for a listener; refuses with this errno at these addresses."""

    def __init__(self, **refused: int) -> None:
        self.at: list[str] = []
        self.refused = {name.replace("v6", "::"): number for name, number in refused.items()}

    async def __call__(self, host: str) -> None:
        if host in self.refused:
            raise OSError(self.refused[host], "refused")
        self.at.append(host)


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("0.0.0.0", 15490, ["0.0.0.0", "::"]),
        ("127.0.0.1", 15401, ["127.0.0.1", "::1"]),
        ("0.0.0.0", 0, ["0.0.0.0"]),
        ("10.0.0.1", 15490, ["10.0.0.1"]),
        ("::", 15490, ["::"]),
    ],
)
async def test_a_fixed_port_on_every_address_or_on_loopback_is_one_of_both_families(
    host: str, port: int, expected: list[str]
) -> None:
    listen = Recorder()
    await on_both(listen, host, port)
    assert listen.at == expected


@pytest.mark.parametrize("number", sorted(NO_IPV6))
async def test_a_kernel_without_ipv6_is_no_obstacle(number: int) -> None:
    listen = Recorder(v6=number)
    await on_both(listen, "0.0.0.0", 15490)
    assert listen.at == ["0.0.0.0"]


async def test_a_port_that_is_taken_in_the_other_family_is_told() -> None:
    with pytest.raises(OSError, match="refused"):
        await on_both(Recorder(v6=errno.EADDRINUSE), "0.0.0.0", 15490)
