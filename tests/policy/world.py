"""A small world in virtual time: sidecars that call pods with workers and queues, and faults that come and go.

Seeded, so a scenario is a fact: the same picks, the same latencies, every time.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.policy.router import NoEndpoint, Router, RouterConfig
from sidecar.policy.ticket import Ticket

SERVICE_S = 0.010
NETWORK_S = 0.0005
GIVE_UP_S = 5.0


@dataclass
class Pod:
    """`workers` requests at a time, the rest queue. Faults are plain attributes: set them, clear them."""

    address: str
    workers: int = 8
    speed: float = 1.0
    extra_s: float = 0.0
    extra_share: float = 1.0
    """Share of requests that get `extra_s`."""
    error_rate: float = 0.0
    broken_route: str = ""
    """Fails whenever it is asked for this."""
    hung: bool = False
    sigma: float = 0.5
    busy: int = 0
    queue: deque["Call"] = field(default_factory=deque)
    held: list["Call"] = field(default_factory=list)

    def service_s(self, rng: random.Random, route_s: float) -> float:
        base = route_s * math.exp(rng.gauss(-(self.sigma**2) / 2, self.sigma)) / self.speed
        return base + (self.extra_s if self.extra_s and rng.random() < self.extra_share else 0.0)


@dataclass
class Call:
    """One attempt of one request."""

    request: "Request"
    ticket: Ticket
    pod: Pod
    open: bool = True


@dataclass
class Request:
    at: float
    client: int
    route: str
    route_s: float
    replayable: bool
    pods: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    done_at: float | None = None
    failed: bool = False

    @property
    def latency_s(self) -> float:
        return math.inf if self.done_at is None else self.done_at - self.at


class World:
    """Clients, each with a router of its own, pods, and a heap of what happens next."""

    def __init__(
        self,
        pods: int = 3,
        *,
        clients: int = 1,
        rate: float = 200.0,
        seed: int = 1,
        config: RouterConfig | None = None,
        make: Callable[[random.Random], Router] | None = None,
        routes: tuple[tuple[str, float, float], ...] = (("GET /", SERVICE_S, 1.0),),
        retries: bool = False,
        replayable: bool = False,
    ) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        self.pods = {f"10.0.0.{n}:80": Pod(f"10.0.0.{n}:80") for n in range(1, pods + 1)}
        build = make or (lambda rng: Router(config, rng=rng))
        self.routers = [build(random.Random(seed * 1000 + n)) for n in range(clients)]
        for router in self.routers:
            router.set_endpoints(list(self.pods), 0.0)
        self.rate = rate
        self.routes = routes
        self.retries = retries
        self.replayable = replayable
        self.requests: list[Request] = []
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._horizon = 0.0
        self._next_arrival = 0.0

    @property
    def addresses(self) -> list[str]:
        return list(self.pods)

    def at(self, when: float, act: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._heap, (when, self._number, act))

    def run(self, seconds: float) -> "World":
        """Let time pass; arrivals are Poisson over all clients."""
        end = self.now + seconds
        if self._next_arrival == 0.0 or self._next_arrival < self.now:
            self._next_arrival = self.now + self.rng.expovariate(self.rate)
        while True:
            arrival = self._next_arrival
            if self._heap and self._heap[0][0] <= min(arrival, end):
                self.now, _, act = heapq.heappop(self._heap)
                act()
            elif arrival <= end:
                self.now = arrival
                self._arrive()
                self._next_arrival = arrival + self.rng.expovariate(self.rate)
            else:
                break
        self.now = end
        return self

    def _arrive(self) -> None:
        weights = [weight for _, _, weight in self.routes]
        name, seconds, _ = self.rng.choices(self.routes, weights)[0]
        client = self.rng.randrange(len(self.routers))
        request = Request(self.now, client, name, seconds, self.replayable)
        self.requests.append(request)
        self._send(request)
        self.at(self.now + GIVE_UP_S, lambda: self._give_up(request))

    def _send(self, request: Request) -> None:
        router = self.routers[request.client]
        try:
            ticket = router.pick(
                request.route, self.now, exclude=frozenset(request.pods), replayable=request.replayable
            )
        except NoEndpoint:
            self._finish(request, failed=True)
            return
        request.pods.append(ticket.endpoint)
        call = Call(request, ticket, self.pods[ticket.endpoint])
        request.calls.append(call)
        hedge = router.hedge_at(ticket)
        if hedge is not None:
            self.at(hedge, lambda: self._hedge(request))
        self.at(self.now + NETWORK_S, lambda: self._reach(call))

    def _hedge(self, request: Request) -> None:
        if request.done_at is None and len(request.pods) < 2:
            self._send(request)

    def _reach(self, call: Call) -> None:
        pod = call.pod
        if pod.hung:
            pod.held.append(call)
        elif call.request.route == pod.broken_route or self.rng.random() < pod.error_rate:
            self.at(self.now + 0.001, lambda: self._answer(call, failed=True))
        elif pod.busy < pod.workers:
            self._work(call)
        else:
            pod.queue.append(call)

    def _work(self, call: Call) -> None:
        pod = call.pod
        pod.busy += 1
        self.at(self.now + pod.service_s(self.rng, call.request.route_s), lambda: self._worked(call))

    def _worked(self, call: Call) -> None:
        pod = call.pod
        pod.busy -= 1
        self.at(self.now + NETWORK_S, lambda: self._answer(call, failed=False))
        while pod.queue:
            waiting = pod.queue.popleft()
            if waiting.open:
                self._work(waiting)
                break

    def heal(self, pod: Pod) -> None:
        """As new; what it held back is answered now."""
        pod.speed, pod.extra_s, pod.error_rate, pod.hung = 1.0, 0.0, 0.0, False
        held, pod.held = pod.held, []
        for call in held:
            if call.open:
                self._reach(call)

    def _answer(self, call: Call, *, failed: bool) -> None:
        if not call.open:
            return
        call.open = False
        if failed:
            call.ticket.failed(self.now, kind="status")
            others = any(other.open for other in call.request.calls)
            if self.retries and len(call.request.pods) < 3:
                self._send(call.request)
            elif not others:
                self._finish(call.request, failed=True)
            return
        call.ticket.first_byte(self.now)
        call.ticket.succeeded(self.now)
        self._finish(call.request, failed=False)

    def _give_up(self, request: Request) -> None:
        if request.done_at is None:
            self._finish(request, failed=True)

    def _finish(self, request: Request, *, failed: bool) -> None:
        if request.done_at is None:
            request.done_at, request.failed = self.now, failed
            for call in request.calls:
                if call.open:
                    call.open = False
                    call.ticket.abandoned(self.now)

    # -- what was seen

    def window(self, start: float, end: float = math.inf) -> list[Request]:
        return [request for request in self.requests if start <= request.at < end]

    def share(self, address: str, start: float, end: float = math.inf) -> float:
        """Of first picks."""
        asked = [request.pods[0] for request in self.window(start, end) if request.pods]
        return asked.count(address) / max(1, len(asked))

    def percentile_ms(self, q: float, start: float, end: float = math.inf) -> float:
        waits = sorted(
            request.latency_s if request.done_at is not None else self.now - request.at
            for request in self.window(start, end)
        )
        return 1000 * waits[min(len(waits) - 1, int(q * len(waits)))] if waits else math.nan

    def error_rate(self, start: float, end: float = math.inf) -> float:
        asked = self.window(start, end)
        return sum(request.failed for request in asked) / max(1, len(asked))
