"""CPU microseconds per step of our own data path: the real functions, timed in a process of their own.

The sidecar's proxy is not importable from here (the floors in pyproject.toml); a fresh interpreter runs each
step's statement on the installed, compiled package. The best of several rounds is reported: everything slower
was something else.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

ROUNDS = 5
ROUND_S = 0.1

RUNNER = """\
import json, sys, timeit
step = json.load(sys.stdin)
timer = timeit.Timer(step["statement"], step["setup"])
count, took = timer.autorange()
count = max(1, int(count * step["round_s"] / took))
print(min(timer.repeat(step["rounds"], count)) / count / step["per"] * 1e6)
"""


@dataclass(frozen=True, slots=True)
class Step:
    """`statement`, run after `setup`, does `per` requests' worth of one step."""

    name: str
    setup: str
    statement: str
    per: int = 1


_REQUEST = (
    rb"GET /api/lines/42 HTTP/1.1\r\nHost: bus-service:8080\r\nUser-Agent: wrk/4.1\r\nAccept: */*\r\n"
    rb"Accept-Encoding: gzip\r\nX-Request-Id: 1f2e3d4c\r\n\r\n"
)
_RESPONSE = (
    rb"HTTP/1.1 200 OK\r\nServer: app\r\nDate: Sat, 21 Nov 2026 09:25:36 GMT\r\n"
    rb"Content-Type: application/json\r\nContent-Length: 178\r\n\r\n"
)
_MESSAGES = f"""
from sidecar.proxy.http1 import encode, grammar, heads
request, response = b"{_REQUEST.decode()}", b"{_RESPONSE.decode()}"
asked, answered = heads.parse_request(request, 100), heads.parse_response(response, 100)
ours = [(b"Via", b"1.1 eq-1f2e3d4c"), (b"X-GT-Caller", b"default/app"), (b"X-GT-Congestion", b"0.02")]
"""
_SERVICE = """
from sidecar.policy.endpoints import Endpoint, EndpointsChanged
from sidecar.policy.catalog import Catalog
catalog = Catalog("default")
known = tuple(Endpoint(f"10.0.0.{i}:8080") for i in range(3))
catalog.apply(EndpointsChanged("bus-service", 8080, known), 0.0)
service = catalog.find(b"bus-service:8080")
nothing = frozenset()
def play():
    ticket = service.pick("GET /api/lines/{}", 1.0, nothing, True)
    service.hedge_at(ticket)
    service.first_byte(ticket, 1.1)
    service.succeeded(ticket, 1.1, 0.1)
"""
_STATS = """
from sidecar.proxy.stats import ProxyStats
stats = ProxyStats()
def count():
    stats.of("bus-service", "10.0.0.1:8080").latency.observe(0.004)
    stats.overhead.observe(0.00003)
    stats.answered(200)
"""
_CLOCK = "from sidecar import clock"

STEPS: tuple[Step, ...] = (
    Step("checks: both heads match the strict expressions", _MESSAGES,
         "grammar.REQUEST_HEAD.fullmatch(request); grammar.RESPONSE_HEAD.fullmatch(response)"),
    Step("parse: both heads, checks included", _MESSAGES,
         "heads.parse_request(request, 100); heads.parse_response(response, 100)"),
    Step("find: Host to service, path to route", _SERVICE,
         "catalog.find(b'bus-service:8080'); service.routes.classify(b'GET', b'/api/lines/42')"),
    Step("pick: ticket, hedge, settle", _SERVICE, "play()"),
    Step("budget: one deposit", _SERVICE, "service.budget.deposit(1.0)"),
    Step("headers: both heads written", _MESSAGES,
         "encode.request(asked, ours); encode.response(answered, [], chunked=False, close=False)"),
    Step("timers: every look at the clock", _CLOCK, "; ".join(["clock.now()"] * 8)),
    Step("metrics: two histograms, a counter", _STATS, "count()"),
)  # fmt: skip
"""In the order a request meets them."""


def measure(steps: tuple[Step, ...] = STEPS) -> dict[str, float]:
    """Step → CPU µs per request; a step whose imports do not exist yet is left out."""
    timed = {step.name: time_us(step) for step in steps}
    return {name: us for name, us in timed.items() if us is not None}


def time_us(step: Step) -> float | None:
    """One step's microseconds; None when it cannot be run here."""
    task = json.dumps({**asdict(step), "rounds": ROUNDS, "round_s": ROUND_S})
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUNNER],
        input=task,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return float(done.stdout) if done.returncode == 0 else None
