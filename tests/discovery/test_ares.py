"""The resolver against a real dnsmasq."""

import pytest

from sidecar.discovery.ares import AresResolver
from sidecar.discovery.watch import ResolutionError

WEB = "--host-record=web.test,127.0.0.2,fd00::2"
SRV = "--srv-host=_http._tcp.web.test,pod-0.web.test,8080,0,1"


@pytest.fixture
async def resolver_of():
    """A resolver that asks one name server, with search domains as in a Kubernetes pod."""
    made = []

    def make(server, **options):
        made.append(AresResolver([server.address], domains=["default.test", "test"], ndots=5, **options))
        return made[-1]

    yield make
    for resolver in made:
        await resolver.close()


async def fails(looking):
    with pytest.raises(ResolutionError) as caught:
        await looking
    return caught.value.verdict, caught.value.certain


async def test_all_addresses_of_a_name_with_their_ttl(name_server, resolver_of):
    server = name_server("--host-record=web.test,127.0.0.3", "--host-record=web.test,127.0.0.2")
    addresses = await resolver_of(server).addresses("web.test")
    assert addresses.ips == ("127.0.0.2", "127.0.0.3")
    assert addresses.ttl_s == 1


async def test_both_families_where_there_is_a_route(name_server, resolver_of):
    resolver = resolver_of(name_server(WEB), has_route=lambda _ip: True)
    assert (await resolver.addresses("web.test")).ips == ("127.0.0.2", "fd00::2")


async def test_ipv6_without_a_route_is_left_out_where_there_is_ipv4(name_server, resolver_of):
    resolver = resolver_of(name_server(WEB), has_route=lambda _ip: False)
    assert (await resolver.addresses("web.test")).ips == ("127.0.0.2",)


async def test_ipv6_alone_is_used_whatever_the_route(name_server, resolver_of):
    resolver = resolver_of(name_server("--host-record=web.test,fd00::2"), has_route=lambda _ip: False)
    assert (await resolver.addresses("web.test")).ips == ("fd00::2",)


async def test_the_real_route_check_answers(name_server, resolver_of):
    resolver = resolver_of(name_server(WEB))
    assert "127.0.0.2" in (await resolver.addresses("web.test")).ips


async def test_a_short_name_is_searched(name_server, resolver_of):
    resolver = resolver_of(name_server("--host-record=web.default.test,127.0.0.2"))
    assert (await resolver.addresses("web")).ips == ("127.0.0.2",)


async def test_an_alias_is_followed_and_its_ttl_counts(name_server, resolver_of):
    server = name_server("--host-record=web.test,127.0.0.2,50", "--cname=www.test,web.test,7")
    addresses = await resolver_of(server).addresses("www.test")
    assert addresses.ips == ("127.0.0.2",)
    assert addresses.ttl_s == 7


async def test_no_such_name(name_server, resolver_of):
    assert await fails(resolver_of(name_server()).addresses("web.test")) == (None, True)


async def test_a_name_without_addresses(name_server, resolver_of):
    server = name_server("--txt-record=web.test,hello")
    assert await fails(resolver_of(server).addresses("web.test")) == ((), True)


async def test_a_name_outside_the_zone_is_refused(name_server, resolver_of):
    assert await fails(resolver_of(name_server()).addresses("web.example.")) == (None, False)


async def test_a_name_server_that_is_gone(name_server, resolver_of):
    server = name_server(WEB)
    server.stop()
    assert await fails(resolver_of(server).addresses("web.test")) == ((), False)


async def test_it_can_be_used_again_after_closing(name_server, resolver_of):
    resolver = resolver_of(name_server(WEB))
    await resolver.addresses("web.test")
    await resolver.close()
    assert "127.0.0.2" in (await resolver.addresses("web.test")).ips


async def test_closing_before_the_first_lookup_is_nothing(name_server, resolver_of):
    await resolver_of(name_server()).close()


async def test_a_name_that_is_none(name_server, resolver_of):
    assert await fails(resolver_of(name_server()).addresses("a..b")) == (None, True)


async def test_srv_records_with_the_addresses_sent_along(name_server, resolver_of):
    server = name_server(SRV, "--host-record=pod-0.web.test,127.0.0.2,fd00::2")
    [target] = await resolver_of(server, has_route=lambda _ip: True).targets("_http._tcp.web.test")
    assert (target.host, target.port, target.priority) == ("pod-0.web.test", 8080, 0)
    assert target.glue.ips == ("127.0.0.2", "fd00::2")


async def test_srv_records_are_searched_too(name_server, resolver_of):
    server = name_server("--srv-host=_http._tcp.web.default.test,pod-0.web.default.test,8080")
    [target] = await resolver_of(server).targets("_http._tcp.web")
    assert target.port == 8080


async def test_no_srv_records(name_server, resolver_of):
    resolver = resolver_of(name_server(WEB))
    assert await fails(resolver.targets("_http._tcp.web.test")) == (None, True)
    assert await fails(resolver.targets("web.test")) == ((), True)
