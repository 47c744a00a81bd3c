"""Endpoints from DNS: every address of a name, followed as it changes (headless Services, plain hosts).

On demand: the names are those that requests ask for. `watch` says what each kind of answer means.
"""

import asyncio
import math
import re
from collections.abc import Callable, Iterable

from sidecar import clock, parsing
from sidecar.discovery.ares import Addresses, AresResolver, Resolver, Target
from sidecar.discovery.source import OnError
from sidecar.discovery.watch import Found, ResolutionError, Saying, Watch
from sidecar.errors import DiscoveryError
from sidecar.parsing import ParseError
from sidecar.policy.endpoints import Endpoint, EndpointsChanged, Publish

MOST_NAMES = 1000
MOST_LOOKUPS = 64
"""At the same time."""
LOOKUP_S = 4.0
"""A whole look-up, SRV records and all search domains together: requests wait for it, for 5 s at most."""
HTTP_PORT = 80
"""`http://bus` and `http://bus:80` are the same (RFC 9110, 4.2.3), and published as the latter."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


class DnsSource:
    """Follows the names it is asked for; closes `resolver` whenever it stops running."""

    on_demand = True
    by_address = False

    def __init__(self, resolver: Resolver, on_error: OnError, now: Callable[[], float] = clock.now) -> None:
        self._resolver = resolver
        self._on_error = on_error
        self._now = now
        self._watches: dict[tuple[str, int], Watch] = {}
        self._slots = asyncio.Semaphore(MOST_LOOKUPS)
        self._full = False
        # What `seek` leaves for `run`: names to follow, answers to give again.
        self._fresh: list[Watch] = []
        self._again: dict[tuple[str, int], EndpointsChanged] = {}
        self._sought = asyncio.Event()

    @classmethod
    def from_servers(cls, servers: Iterable[tuple[str, int]], on_error: OnError) -> "DnsSource":
        """Asks these name servers (IP, port); the system's when there are none."""
        return cls(AresResolver(servers), on_error)

    def __repr__(self) -> str:
        return f"DnsSource({len(self._watches)} names)"

    async def run(self, publish: Publish) -> None:
        """Until cancelled; one task per name, all of which end with it."""
        self._fresh = list(self._watches.values())
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    fresh, self._fresh = self._fresh, []
                    for watch in fresh:
                        group.create_task(self._follow(watch, publish))
                    again, self._again = self._again, {}
                    for event in again.values():
                        publish(event)
                    self._sought.clear()
                    await self._sought.wait()
        finally:
            await self._resolver.close()

    def seek(self, host: str, port: int | None) -> None:
        """As `Source.seek`. Names beyond the bound are answered with None, and not watched."""
        key = host.lower(), HTTP_PORT if port is None else port
        watch = self._watches.get(key)
        if watch is None and len(self._watches) >= MOST_NAMES:
            self._refuse(*key)
        elif watch is None:
            watch = self._watches[key] = Watch(*key, self._now())
            self._fresh.append(watch)
        elif watch.said is not Saying.NOTHING:
            # Who asks may not have kept the answer: nobody stores what does not exist.
            self._again[key] = EndpointsChanged(*key, watch.said)
        if watch is not None:
            watch.asked(self._now(), with_srv=port is None)
        self._sought.set()

    def _refuse(self, host: str, port: int) -> None:
        if not self._full:
            self._full = True
            self._on_error(DiscoveryError(f"{host}:{port}: refused: {MOST_NAMES} names are watched already"))
        self._again[host, port] = EndpointsChanged(host, port, None)

    async def _follow(self, watch: Watch, publish: Publish) -> None:
        _say(watch, publish)
        while (now := self._now()) < watch.forgotten_at:
            if now >= watch.due_at:
                await self._refresh(watch)
                _say(watch, publish)
            await asyncio.sleep(max(0.0, min(watch.due_at, watch.forgotten_at) - self._now()))
        if isinstance(watch.said, tuple):
            publish(EndpointsChanged(watch.host, watch.port, None))
        del self._watches[watch.host, watch.port]
        if len(self._watches) < 0.9 * MOST_NAMES:
            self._full = False  # with some slack, so that a scan at the bound is one report

    async def _refresh(self, watch: Watch) -> None:
        try:
            async with self._slots, asyncio.timeout(LOOKUP_S):
                found = await look_up(self._resolver, watch)
        except TimeoutError:
            self._lost(watch, ResolutionError(f"no answer from DNS within {LOOKUP_S:g} s", (), certain=False))
        except ResolutionError as error:
            self._lost(watch, error)
        except Exception as error:  # noqa: BLE001  a bug met with one name must not stop all the others
            self._lost(watch, ResolutionError(f"unexpected {error!r}", (), certain=False))
        else:
            watch.found(found, self._now())

    def _lost(self, watch: Watch, error: ResolutionError) -> None:
        if report := watch.lost(error, self._now()):
            self._on_error(report)


def _say(watch: Watch, publish: Publish) -> None:
    if watch.answer is not Saying.NOTHING and watch.answer != watch.said:
        publish(EndpointsChanged(watch.host, watch.port, watch.answer))
        watch.said = watch.answer  # only now: when publishing fails it is said again


async def look_up(resolver: Resolver, watch: Watch) -> Found:
    """Raise ResolutionError when there is no endpoint."""
    try:
        ip = parsing.parse_ip(watch.host.removeprefix("[").removesuffix("]"))
        return _found(Addresses((ip,), math.inf), watch.port)
    except ParseError:
        pass  # a name, as usual
    # c-ares stops at a NUL and asks for what is before it; nothing but a host name gets that far.
    if not _NAME.fullmatch(watch.host) or len(watch.host) > 253:
        raise ResolutionError("not a host name", None, certain=True)
    if watch.with_srv and (found := await _by_srv(resolver, watch)):
        return found
    return _found(await resolver.addresses(watch.host), watch.port)


async def _by_srv(resolver: Resolver, watch: Watch) -> Found | None:
    """None where there are no SRV records, or none were ever known and DNS will not say."""
    try:
        targets = await resolver.targets(f"_http._tcp.{watch.host}")
    except ResolutionError as error:
        if watch.by_srv and not error.certain:
            raise  # the plain addresses would be endpoints at another port
        return None
    # RFC 2782: only the lowest priority that can be reached; which that is we learn too late to start over.
    first = min(target.priority for target in targets)
    looks = [_target(resolver, target) for target in targets if target.priority == first]
    answers = await asyncio.gather(*looks, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, ResolutionError):
            raise answer
    found = [answer for answer in answers if isinstance(answer, Found)]
    if not found:
        raise next(answer for answer in answers if isinstance(answer, ResolutionError))
    endpoints = {endpoint.address: endpoint for each in found for endpoint in each.endpoints}
    return Found(tuple(endpoints.values()), min(each.ttl_s for each in found), by_srv=True)


async def _target(resolver: Resolver, target: Target) -> Found:
    if not target.host:
        raise ResolutionError(
            "its SRV record says that nobody serves it", (), certain=True
        )  # "." of RFC 2782
    found = _found(target.glue or await resolver.addresses(target.host), target.port, target.host)
    return Found(found.endpoints, min(found.ttl_s, target.ttl_s))


def _found(addresses: Addresses, port: int, name: str = "") -> Found:
    """Named after the SRV target where that is one endpoint: a name is not shared."""
    label = name if len(addresses.ips) == 1 else ""
    endpoints = (Endpoint(parsing.format_host_port(ip, port), label) for ip in addresses.ips)
    return Found(tuple(endpoints), addresses.ttl_s)
