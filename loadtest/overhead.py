"""What two sidecars in the path cost: milliseconds at a steady rate, CPU per request, memory; round robin and learning.

A client calls one app of three: directly, or through a sidecar of its own and the one before the app. Both
strategies stand side by side all the time and take turns within every repetition, so that what the machine does to
one it does to the other. The calling sidecar has a core to itself where there are two.

With --policing the client calls the sidecar before one app, and what is compared is its door: nobody is asked
anything, or police, defence and admission decide about every request.

With --intercepted one sidecar stands before the client, and what is compared is the way to it: its port by name, or
connections that iptables redirects, each in a network namespace of its own (root only).
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest import figures, intercepted, load, netns, openloop, processes, procfs
from loadtest.bench import configs, stage, upstreams, wrk
from loadtest.mesh import launch
from sidecar import clock

STRATEGIES = {"round robin": "none", "learning": "balanced"}
POLICING = {"open door": "none", "policing": "balanced"}
PODS = 3
OUTBOUND, INBOUND = 15401, 15406
MIB = 1024 * 1024
CALLER_CORE, OTHER_CORE = stage.cores(sorted(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the app, up: where to send, and the calling sidecar's process where there is one."""

    name: str
    target: str
    caller: processes.Child | None = None
    net: netns.Namespace | None = None
    """Where the load has to be; None: here."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One path's figures in one repetition."""

    p50_ms: float
    p99_ms: float
    failed: int
    cpu_us: float | None
    """Of the calling sidecar, per request, saturated."""
    rss_mib: float | None


def chain(children: processes.Children, name: str, strategy: str, net: str, tens: int) -> Way:
    """A sidecar before each app, and the caller's, answering."""
    inbounds = []
    for pod in range(1, PODS + 1):
        host = f"{net}.{tens + pod}"
        inbounds.append(f"{host}:{INBOUND}")
        _sidecar(children, f"{name}-{pod}", strategy, host, app=f"{net}.{pod}:{upstreams.PORT}")
    file = children.directory / f"{strategy}.json"
    file.write_text(configs.discovery(inbounds))
    host = f"{net}.{tens}"
    caller = _sidecar(children, f"{name}-caller", strategy, host, discovery=f"file:{file}")
    target = f"{host}:{OUTBOUND}"
    processes.await_http(target, caller, host=configs.AUTHORITY)
    return Way(name, target, caller)


def door(children: processes.Children, name: str, strategy: str, net: str, tens: int) -> Way:
    """One sidecar before the first app, asked from outside by a caller it knows."""
    host = f"{net}.{tens}"
    file = children.directory / "callers.json"
    file.write_text('{"services": [], "callers": [{"address": "127.0.0.1", "workload": "default/load"}]}')
    app = f"{net}.1:{upstreams.PORT}"
    child = _sidecar(children, name, strategy, host, app=app, discovery=f"file:{file}")
    target = f"{host}:{INBOUND}"
    processes.await_http(target, child, host=configs.AUTHORITY)
    return Way(name, target, child)


def _sidecar(
    children: processes.Children,
    name: str,
    strategy: str,
    host: str,
    *,
    app: str = "",
    discovery: str = "",
) -> processes.Child:
    env = {
        "EQUILIBRIUM_OUTBOUND": f"{host}:{OUTBOUND}",
        "EQUILIBRIUM_INBOUND": f"{host}:{INBOUND}",
        "EQUILIBRIUM_ADMIN": f"{host}:0",
        "EQUILIBRIUM_SOURCE": host,
        "EQUILIBRIUM_WORKLOAD": "default/overhead",
        "EQUILIBRIUM_STRATEGY": strategy,
    }
    env |= {"EQUILIBRIUM_APP": app} if app else {}
    env |= {"EQUILIBRIUM_DISCOVERY": discovery} if discovery else {}
    core = CALLER_CORE if discovery else OTHER_CORE
    return children.start(name.replace(" ", "-"), [launch.program()], core=core, env=env)


def redirected(places: Sequence[intercepted.Place]) -> list[Way]:
    """Directly, by name, and by redirection."""
    first = places[0]
    ways = [Way(place.name, place.target, place.sidecar, place.net) for place in places]
    return [Way("direct", first.upstream, net=first.net), *ways]


def measure(children: processes.Children, way: Way, rate: float, seconds: float) -> Turn:
    """See `_measure`; the load runs where the way begins."""
    with way.net.inside() if way.net is not None else contextlib.nullcontext():
        return _measure(children, way, rate, seconds)


def _measure(children: processes.Children, way: Way, rate: float, seconds: float) -> Turn:
    """The open loop first, then as much as goes through, for the CPU."""
    plan = openloop.Plan(way.target, configs.AUTHORITY, "/", rate, seconds, warmup_s=1.0)
    samples = load.start(children, plan, core=OTHER_CORE).finish()
    latency = load.latency(samples)
    failed = sum(load.failures(samples).values())
    if way.caller is None:
        return Turn(latency.p50_ms, latency.p99_ms, failed, None, None)
    script = children.directory / "report.lua"
    script.write_text(wrk.SCRIPT)
    before_s = procfs.cpu_s(way.caller.pid)
    burst = wrk.burst(way.target, "/", connections=16, seconds=seconds / 2, core=OTHER_CORE, script=script)
    used_s = procfs.cpu_s(way.caller.pid) - before_s
    return Turn(
        latency.p50_ms,
        latency.p99_ms,
        failed + burst.failed,
        used_s / burst.requests * 1e6,
        procfs.rss_bytes(way.caller.pid) / MIB,
    )


def table(turns: Mapping[str, Sequence[Turn]]) -> list[str]:
    """Medians and ranges; differences and ratios are taken within repetitions."""
    lines = [f"{'':12}  {'p50 ms':22}  {'p99 ms':22}  {'added p99 ms':22}  {'CPU µs/request':22}  RSS MiB"]
    direct = [turn.p99_ms for turn in turns["direct"]]
    for name, each in turns.items():
        columns: list[list[float | None]] = [
            [turn.p50_ms for turn in each],
            [turn.p99_ms for turn in each],
            [*figures.differences([turn.p99_ms for turn in each], direct)] if name != "direct" else [],
            [turn.cpu_us for turn in each],
            [turn.rss_mib for turn in each],
        ]
        cells = [spread.text(2) if (spread := figures.spread(column)) else "–" for column in columns]
        lines.append(f"{name:12}  " + "  ".join(f"{cell:22}" for cell in cells).rstrip())
    without, having = [name for name in turns if name != "direct"]
    costs = ([turn.cpu_us for turn in turns[name]] for name in (having, without))
    ratio = figures.spread(figures.ratios(*costs))
    lost = sum(turn.failed for each in turns.values() for turn in each)
    return [*lines, f"CPU, {having} against {without}: {ratio.text(2) if ratio else '–'} · failed: {lost}"]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status says whether every request was answered."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.overhead", description=__doc__)
    parser.add_argument("--rate", type=float, default=200.0, metavar="N", help="requests per second (200)")
    parser.add_argument("--seconds", type=float, default=8.0, metavar="S", help="per path and repetition (8)")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="(5)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--policing", action="store_true", help="the door of one app instead of a whole path")
    what.add_argument("--intercepted", action="store_true", help="by redirection against by name (root only)")
    parser.add_argument("--json", action="store_true", help="every repetition instead of the table")
    chosen = parser.parse_args(argv)
    if (why := wrk.missing()) is not None:
        parser.error(why)
    if chosen.intercepted and (why := netns.missing()) is not None:
        parser.error(why)
    kind = "policing" if chosen.policing else "intercepted" if chosen.intercepted else "path"
    turns = _run(chosen.rate, chosen.seconds, chosen.repetitions, kind)
    if chosen.json:
        print(json.dumps({name: [asdict(turn) for turn in each] for name, each in turns.items()}, indent=1))
    else:
        print("\n".join(table(turns)))
    return 1 if any(turn.failed for each in turns.values() for turn in each) else 0


def _run(rate: float, seconds: float, repetitions: int, kind: str) -> dict[str, list[Turn]]:
    processes.stop_on_signals(60 + repetitions * 3 * (2 * seconds + 10))
    with (
        tempfile.TemporaryDirectory(prefix="equilibrium-overhead-") as directory,
        processes.Children(Path(directory)) as children,
        _standing(children, kind) as ways,
    ):
        turns: dict[str, list[Turn]] = {way.name: [] for way in ways}
        for repetition in range(repetitions):
            for way in figures.rotated(ways, repetition):
                begun_s = clock.now()
                turns[way.name].append(measure(children, way, rate, seconds))
                told = f"{repetition + 1}/{repetitions} {way.name}: {clock.now() - begun_s:.0f} s"
                print(told, file=sys.stderr, flush=True)
    return turns


@contextlib.contextmanager
def _standing(children: processes.Children, kind: str) -> Iterator[list[Way]]:
    """The ways to be compared, up."""
    if kind == "intercepted":
        with intercepted.places(children, PODS, cores=(CALLER_CORE, OTHER_CORE)) as places:
            yield redirected(places)
        return
    net = processes.loopback_net()
    endpoints = upstreams.addresses(net, PODS)
    with upstreams.standing(children, "python", endpoints, core=OTHER_CORE, path="/"):
        ways = [Way("direct", endpoints[0])]
        build, compared = (door, POLICING) if kind == "policing" else (chain, STRATEGIES)
        for tens, (name, strategy) in enumerate(compared.items(), 1):
            ways.append(build(children, name, strategy, net, 10 * tens))
        yield ways


if __name__ == "__main__":
    raise SystemExit(main())
