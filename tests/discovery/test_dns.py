"""The DNS source: against a scripted resolver in virtual time, and against a real dnsmasq."""

import asyncio

import pytest

from sidecar.discovery import dns
from sidecar.discovery.ares import Addresses, AresResolver, Target
from sidecar.discovery.dns import DnsSource
from sidecar.discovery.watch import FORGET_S, FORGET_UNKNOWN_S, GONE_S, RETRY_S, ResolutionError
from sidecar.policy.endpoints import Endpoint, EndpointsChanged

NXDOMAIN = ResolutionError("no such name", None, certain=True)
SERVFAIL = ResolutionError("no answer", (), certain=False)


def at(*addresses):
    return tuple(map(Endpoint, addresses))


class Script:
    """Answers from a dict that tests rewrite; keeps what it was asked and when."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.closed = False

    async def addresses(self, host):
        return self._answer(host)

    async def targets(self, name):
        return self._answer(name)

    async def close(self):
        self.closed = True

    def _answer(self, name):
        self.asked.append((asyncio.get_running_loop().time(), name))
        answer = self.answers.get(name, NXDOMAIN)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def times(self, name):
        return [time for time, asked in self.asked if asked == name]


class Scene:
    """A running source, what it published (with the time) and what it reported."""

    def __init__(self, resolver=None):
        self.script = resolver or Script()
        self.events = []
        self.errors = []
        self.reported = asyncio.Event()
        self._published = asyncio.Event()
        self.source = DnsSource(self.script, self._report, asyncio.get_running_loop().time)
        self._running = None

    async def __aenter__(self):
        self._running = asyncio.get_running_loop().create_task(self.source.run(self._publish))
        return self

    async def __aexit__(self, *_):
        self._running.cancel()
        await asyncio.wait([self._running])
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def _publish(self, event):
        self.events.append((asyncio.get_running_loop().time(), event))
        self._published.set()

    def _report(self, error):
        self.errors.append(error)
        self.reported.set()

    async def published(self):
        """The next event."""
        while not self.events:
            await self._published.wait()
            self._published.clear()
        return self.events.pop(0)[1]

    async def until(self, time):
        """Let virtual time pass; returns what was published on the way."""
        await asyncio.sleep(time - asyncio.get_running_loop().time())
        events, self.events = self.events, []
        return events


def test_nothing_is_asked_or_published_before_somebody_seeks(virtual):
    async def scenario():
        async with Scene() as scene:
            assert await scene.until(1000) == []
            assert scene.script.asked == []
            assert scene.source.on_demand

    virtual(scenario())


def test_a_sought_name_is_published_with_all_its_addresses(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = Addresses(("10.0.0.1", "fd00::1"), 30)
            scene.source.seek("bus", 8080)
            assert await scene.published() == EndpointsChanged(
                "bus", 8080, at("10.0.0.1:8080", "[fd00::1]:8080")
            )

    virtual(scenario())


def test_seeking_publishes_nothing_from_within(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.source.seek("10.0.0.1", 80)
            assert scene.events == []
            await scene.published()

    virtual(scenario())


def test_what_was_sought_before_running_is_found_by_running(virtual):
    async def scenario():
        scene = Scene()
        scene.source.seek("10.0.0.1", 80)
        async with scene:
            assert (await scene.published()).host == "10.0.0.1"

    virtual(scenario())


def test_seeking_again_asks_nothing_again(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = Addresses(("10.0.0.1",), 30)
            for _ in range(5):
                scene.source.seek("bus", 80)
            assert len(await scene.until(29)) == 1
            assert scene.script.times("bus") == [0]

    virtual(scenario())


def test_a_name_is_asked_for_again_at_its_ttl_and_published_only_when_it_changed(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = Addresses(("10.0.0.1",), 30)
            scene.source.seek("bus", 80)
            await scene.until(59)
            scene.script.answers["bus"] = Addresses(("10.0.0.2",), 30)
            assert await scene.until(91) == [(60, EndpointsChanged("bus", 80, at("10.0.0.2:80")))]
            assert scene.script.times("bus") == [0, 30, 60, 90]

    virtual(scenario())


def test_a_name_nobody_knows_is_published_as_such_and_asked_for_again_soon(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.source.seek("bus", 80)
            assert await scene.published() == EndpointsChanged("bus", 80, None)
            scene.script.answers["bus"] = Addresses(("10.0.0.1",), 30)
            assert await scene.until(RETRY_S + 1) == [
                (RETRY_S, EndpointsChanged("bus", 80, at("10.0.0.1:80")))
            ]
            assert scene.errors == []

    virtual(scenario())


@pytest.mark.parametrize("answer", [NXDOMAIN, SERVFAIL, Addresses(("10.0.0.1",), 30)])
def test_whoever_seeks_what_is_known_is_answered_again(virtual, answer):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = answer
            scene.source.seek("bus", 80)
            first = await scene.published()
            scene.source.seek("bus", 80)
            scene.source.seek("bus", 80)
            assert await scene.until(1) == [(0, first)]
            assert scene.script.times("bus") == [0]

    virtual(scenario())


def test_case_makes_no_other_name(virtual):
    async def scenario():
        async with Scene() as scene:
            for host in ("bus", "Bus", "BUS"):
                scene.source.seek(host, 80)
            assert await scene.until(1) == [(0, EndpointsChanged("bus", 80, None))]

    virtual(scenario())


def test_a_lookup_that_takes_too_long_is_given_up(virtual):
    class Deaf(Script):
        async def addresses(self, host):
            await asyncio.Event().wait()

    async def scenario():
        async with Scene(Deaf()) as scene:
            scene.source.seek("bus", 80)
            assert await scene.until(5) == [(dns.LOOKUP_S, EndpointsChanged("bus", 80, ()))]
            assert "no answer from DNS within 4 s" in str(scene.errors[0])

    virtual(scenario())


def test_the_resolver_is_closed_when_it_stops_running(virtual):
    async def scenario():
        async with Scene() as scene:
            await scene.until(1)
            assert not scene.script.closed
        assert scene.script.closed

    virtual(scenario())


def test_a_name_server_that_fails_leaves_what_was_known_and_is_reported_once(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = Addresses(("10.0.0.1",), 30)
            scene.source.seek("bus", 80)
            await scene.published()
            scene.script.answers["bus"] = SERVFAIL
            assert await scene.until(300) == []
            [error] = scene.errors
            assert "bus:80: no answer; 1 endpoint(s) are kept" in str(error)

    virtual(scenario())


def test_a_name_that_went_away_is_published_as_gone_after_the_grace(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = Addresses(("10.0.0.1",), 30)
            scene.source.seek("bus", 80)
            await scene.published()
            scene.script.answers["bus"] = NXDOMAIN
            assert await scene.until(100) == [(30 + GONE_S, EndpointsChanged("bus", 80, None))]

    virtual(scenario())


def test_a_name_server_that_never_answered_gives_a_service_without_endpoints(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = SERVFAIL
            scene.source.seek("bus", 80)
            assert await scene.published() == EndpointsChanged("bus", 80, ())

    virtual(scenario())


# Forgetting, and bounds


def test_a_service_nobody_asks_for_is_forgotten_and_published_as_gone(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = Addresses(("10.0.0.1",), 100)
            scene.source.seek("bus", 80)
            await scene.until(1)
            assert await scene.until(FORGET_S + 500) == [(FORGET_S, EndpointsChanged("bus", 80, None))]
            assert max(scene.script.times("bus")) < FORGET_S

    virtual(scenario())


def test_a_service_that_is_asked_for_is_not_forgotten(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = Addresses(("10.0.0.1",), 100)
            for step in range(10):
                scene.source.seek("bus", 80)
                for _, event in await scene.until((step + 1) * (FORGET_S - 1)):
                    assert event.endpoints == at("10.0.0.1:80")

    virtual(scenario())


def test_a_forgotten_service_is_found_again(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers["bus"] = Addresses(("10.0.0.1",), 100)
            scene.source.seek("bus", 80)
            await scene.until(FORGET_S + 1)
            scene.source.seek("bus", 80)
            assert (await scene.published()).endpoints == at("10.0.0.1:80")

    virtual(scenario())


def test_names_beyond_the_bound_are_refused_and_reported_once(virtual):
    async def scenario():
        async with Scene() as scene:
            for number in range(dns.MOST_NAMES + 3):
                scene.source.seek(f"bus-{number}", 80)
            await scene.until(1)
            assert len(scene.script.asked) == dns.MOST_NAMES
            [error] = scene.errors
            assert f"{dns.MOST_NAMES} names are watched already" in str(error)
            scene.source.seek("one-more", 80)
            assert await scene.published() == EndpointsChanged("one-more", 80, None)

    virtual(scenario())


def test_forgotten_names_make_room(virtual):
    async def scenario():
        async with Scene() as scene:
            for number in range(dns.MOST_NAMES + 1):
                scene.source.seek(f"bus-{number}", 80)
            await scene.until(FORGET_UNKNOWN_S + 1)
            scene.script.answers["bus"] = Addresses(("10.0.0.1",), 30)
            scene.source.seek("bus", 80)
            assert (await scene.published()).endpoints == at("10.0.0.1:80")

    virtual(scenario())


def test_a_bug_met_with_one_name_does_not_stop_the_others(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers |= {"bad": RuntimeError("bug"), "bus": Addresses(("10.0.0.1",), 30)}
            scene.source.seek("bad", 80)
            scene.source.seek("bus", 80)
            assert (await scene.published()).endpoints == ()
            assert (await scene.published()).endpoints == at("10.0.0.1:80")
            assert "RuntimeError('bug')" in str(scene.errors[0])

    virtual(scenario())


def test_running_again_goes_on_with_the_same_names(virtual):
    async def scenario():
        scene = Scene()
        scene.script.answers["bus"] = Addresses(("10.0.0.1",), 30)
        async with scene:
            scene.source.seek("bus", 80)
            await scene.until(1)
        async with scene:
            assert await scene.until(29) == []
            scene.script.answers["bus"] = Addresses(("10.0.0.2",), 30)
            assert await scene.until(31) == [(30, EndpointsChanged("bus", 80, at("10.0.0.2:80")))]

    virtual(scenario())


def test_what_could_not_be_published_is_published_by_the_next_run(virtual):
    async def scenario():
        scene = Scene()

        def broken(_event):
            raise RuntimeError("not now")

        scene.source.seek("10.0.0.1", 80)
        with pytest.raises(ExceptionGroup):
            await scene.source.run(broken)
        async with scene:
            assert (await scene.published()).endpoints == at("10.0.0.1:80")

    virtual(scenario())


# What is asked


@pytest.mark.parametrize(
    ("host", "address"),
    [("10.0.0.1", "10.0.0.1:81"), ("fd00::1", "[fd00::1]:81"), ("[fd00::1]", "[fd00::1]:81")],
)
def test_an_ip_address_needs_no_dns(virtual, host, address):
    async def scenario():
        async with Scene() as scene:
            scene.source.seek(host, 81)
            assert await scene.published() == EndpointsChanged(host, 81, at(address))
            assert scene.script.asked == []

    virtual(scenario())


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "a b", "a\0b", "bücher", "x" * 64, ".".join(["x" * 60] * 5)]
)
def test_what_is_no_host_name_is_unknown_without_asking(virtual, host):
    async def scenario():
        async with Scene() as scene:
            scene.source.seek(host, 80)
            assert await scene.published() == EndpointsChanged(host, 80, None)
            assert scene.script.asked == []

    virtual(scenario())


def targets(*named):
    return [Target(host, port, priority, ttl_s=30.0) for host, port, priority in named]


def test_without_a_port_srv_records_say_which(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers |= {
                "_http._tcp.bus": targets(("pod-0.bus", 8080, 0), ("pod-1.bus", 8081, 0)),
                "pod-0.bus": Addresses(("10.0.0.1",), 20),
                "pod-1.bus": Addresses(("10.0.0.2",), 25),
            }
            scene.source.seek("bus", None)
            endpoints = (Endpoint("10.0.0.1:8080", "pod-0.bus"), Endpoint("10.0.0.2:8081", "pod-1.bus"))
            assert await scene.published() == EndpointsChanged("bus", 80, endpoints)
            await scene.until(21)
            assert scene.script.times("_http._tcp.bus") == [0, 20]

    virtual(scenario())


def test_addresses_sent_along_are_not_asked_for_again(virtual):
    async def scenario():
        async with Scene() as scene:
            glue = Addresses(("10.0.0.1", "10.0.0.2"), 30)
            scene.script.answers["_http._tcp.bus"] = [Target("pods.bus", 8080, 0, 30.0, glue)]
            scene.source.seek("bus", None)
            assert (await scene.published()).endpoints == at("10.0.0.1:8080", "10.0.0.2:8080")
            assert [name for _, name in scene.script.asked] == ["_http._tcp.bus"]

    virtual(scenario())


def test_only_the_lowest_priority_is_used(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers |= {
                "_http._tcp.bus": targets(("spare.bus", 1, 20), ("pod.bus", 2, 10)),
                "pod.bus": Addresses(("10.0.0.1",), 30),
                "spare.bus": Addresses(("10.0.0.2",), 30),
            }
            scene.source.seek("bus", None)
            assert (await scene.published()).endpoints == (Endpoint("10.0.0.1:2", "pod.bus"),)

    virtual(scenario())


def test_a_target_that_does_not_resolve_is_left_out(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers |= {
                "_http._tcp.bus": targets(("gone.bus", 1, 0), ("pod.bus", 2, 0)),
                "pod.bus": Addresses(("10.0.0.1",), 30),
            }
            scene.source.seek("bus", None)
            assert (await scene.published()).endpoints == (Endpoint("10.0.0.1:2", "pod.bus"),)

    virtual(scenario())


def test_targets_none_of_which_resolves(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers |= {"_http._tcp.bus": targets(("a.bus", 1, 0)), "a.bus": SERVFAIL}
            scene.source.seek("bus", None)
            assert (await scene.published()).endpoints == ()

    virtual(scenario())


def test_the_root_as_target_means_nobody_serves_it(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers |= {
                "_http._tcp.bus": targets(("", 0, 0)),
                "bus": Addresses(("10.0.0.1",), 30),
            }
            scene.source.seek("bus", None)
            assert (await scene.published()).endpoints == ()

    virtual(scenario())


@pytest.mark.parametrize("error", [NXDOMAIN, SERVFAIL], ids=["none", "no answer"])
def test_without_a_port_and_without_srv_records_it_is_port_80(virtual, error):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers |= {"_http._tcp.bus": error, "bus": Addresses(("10.0.0.1",), 30)}
            scene.source.seek("bus", None)
            assert await scene.published() == EndpointsChanged("bus", 80, at("10.0.0.1:80"))

    virtual(scenario())


def test_srv_records_that_were_known_are_kept_when_dns_will_not_say(virtual):
    """Falling back to port 80 would send requests to another application."""

    async def scenario():
        async with Scene() as scene:
            scene.script.answers |= {
                "_http._tcp.bus": targets(("bus", 8080, 0)),
                "bus": Addresses(("10.0.0.1",), 30),
            }
            scene.source.seek("bus", None)
            await scene.published()
            scene.script.answers["_http._tcp.bus"] = SERVFAIL
            assert await scene.until(200) == []

    virtual(scenario())


def test_with_a_port_srv_records_are_not_asked_for(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.source.seek("bus", 80)
            await scene.published()
            assert [name for _, name in scene.script.asked] == ["bus"]

    virtual(scenario())


def test_asking_without_a_port_later_on_brings_srv_records_in(virtual):
    async def scenario():
        async with Scene() as scene:
            scene.script.answers |= {
                "_http._tcp.bus": targets(("pod.bus", 8080, 0)),
                "bus": Addresses(("10.0.0.1",), 30),
                "pod.bus": Addresses(("10.0.0.1",), 30),
            }
            scene.source.seek("bus", 80)
            await scene.until(1)
            scene.source.seek("bus", None)
            [_again, (when, event)] = await scene.until(31)
            assert when == 30
            assert event.endpoints == (Endpoint("10.0.0.1:8080", "pod.bus"),)

    virtual(scenario())


# A real name server


async def test_a_changed_record_is_published(name_server):
    server = name_server()
    server.rewrite("127.0.0.2 bus.test\n")
    async with asyncio.timeout(60), Scene(AresResolver([server.address])) as scene:
        scene.source.seek("bus.test", 8080)
        assert (await scene.published()).endpoints == at("127.0.0.2:8080")
        server.rewrite("127.0.0.2 bus.test\n127.0.0.3 bus.test\n")
        assert (await scene.published()).endpoints == at("127.0.0.2:8080", "127.0.0.3:8080")


async def test_srv_records_and_names_that_are_none(name_server):
    server = name_server(
        "--host-record=pod-0.bus.test,127.0.0.2", "--srv-host=_http._tcp.bus.test,pod-0.bus.test,8080"
    )
    async with asyncio.timeout(60), Scene(AresResolver([server.address])) as scene:
        scene.source.seek("bus.test", None)
        event = await scene.published()
        assert event == EndpointsChanged("bus.test", 80, (Endpoint("127.0.0.2:8080", "pod-0.bus.test"),))
        scene.source.seek("nobody.test", None)
        assert await scene.published() == EndpointsChanged("nobody.test", 80, None)


async def test_a_name_server_that_dies_takes_nothing_with_it(name_server):
    server = name_server("--host-record=bus.test,127.0.0.2")
    async with asyncio.timeout(60), Scene(AresResolver([server.address])) as scene:
        scene.source.seek("bus.test", 80)
        await scene.published()
        server.stop()
        await scene.reported.wait()
        assert "1 endpoint(s) are kept" in str(scene.errors[0])
        assert scene.events == []
