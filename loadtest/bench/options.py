"""The command line: what it takes, what it says about itself, and the plan it asks for."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from loadtest.bench import arms, plan

DESCRIPTION = """\
Equilibrium's sidecar against Envoy, HAProxy, nginx and a plain aiohttp proxy, on this machine, now.

  cost     saturated by wrk: requests/s, requests per CPU second of the proxy, RSS; an open loop at a fixed
           rate, latency from the instant each request was due; memory after 20,000 requests
  bodies   the same with 10 kB, with 1 MB, and with a connection per request
  tail     a pod behind the proxy goes bad in six ways: p99, p99.9, failures, the pod's share, its return
  scale    CPU per request with up to 200 endpoints, 200 services, 2,000 connections

The proxy has the first core, wrk and the upstreams the second. On a shared machine everything moves: requests
per second most, CPU per request less (by half, here, when neighbours share caches and cores), ratios taken
within one repetition least. Compare arms of one run by those, never numbers of two runs.
Progress goes to stderr, the Markdown tables to stdout; bench.md, bench.json and bench.html (the tables with
plots, self-contained) to the directory of --out.
"""

EXITS = """\
examples:
  python -m loadtest.bench --quick                              # everything in small, under 4 minutes
  python -m loadtest.bench --only tail --arms equilibrium,envoy # one part, some arms
  python -m loadtest.bench --only cost --path /bytes/10000 --no-memory
  python -m loadtest.bench --arms envoy,haproxy --show-configs  # print the configurations, measure nothing

exit status: 0 measured · 1 measured, but requests failed (the tail's do not count) or a part broke off
             2 wrong usage · 3 nothing could be measured · 4 Equilibrium is below --at-least · 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """What the program takes."""
    made = argparse.ArgumentParser(
        prog="python -m loadtest.bench",
        description=DESCRIPTION,
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names, parts = ",".join(arm.name for arm in arms.ARMS), ",".join(plan.PARTS)
    add = made.add_argument
    add("--only", type=_parts, default=plan.PARTS, metavar="PARTS", help=f"of {parts} (default: all)")
    add("--arms", type=_arms, default=arms.ARMS, metavar="NAMES", help=f"comma-separated (default: {names})")
    add("--quick", action="store_true", help="less of everything: under 4 minutes, wider ranges")
    add("--out", type=Path, default=Path("out"), metavar="DIR", help="for bench.* (default out)")
    add("--at-least", type=float, metavar="X", help="exit 4 if Equilibrium < X × Envoy per CPU second")
    add("--show-configs", action="store_true", help="print every arm's command and files, and stop")
    cost = made.add_argument_group("the part cost")
    add = cost.add_argument
    add("--repetitions", type=_count, metavar="N", help="of every arm (default 5, quick 2)")
    add(
        "--seconds",
        type=float,
        metavar="S",
        help="per load and repetition, whole seconds (default 3, quick 1)",
    )
    add("--rate", type=float, metavar="R", help="open loop, requests/s (default 1000)")
    add("--connections", type=int, metavar="N", help="of wrk (default 16)")
    add("--path", help="/ is ≈ 200 B of JSON; /bytes/N is N bytes (default /)")
    add("--upstream", choices=("nginx", "python"), help="what answers (default nginx)")
    add("--no-memory", dest="memory", action="store_false", default=None, help="skip the 100 endpoints")
    add = made.add_argument_group("the part tail").add_argument
    add("--trials", type=_count, metavar="N", help="of every arm with every fault (default 1; each 20 s)")
    return made


def asked(chosen: argparse.Namespace, present: Sequence[arms.Arm]) -> plan.Plan:
    """The plan for the arms that are there."""
    found = (plan.quick if chosen.quick else plan.whole)(present)
    names = ("repetitions", "seconds", "rate", "connections", "path", "upstream", "memory")
    given = {name: value for name in names if (value := getattr(chosen, name)) is not None}
    cost = dataclasses.replace(found.cost, **given) if found.cost else None
    tail = found.tail
    if tail and chosen.trials:
        tail = dataclasses.replace(tail, repetitions=chosen.trials)
    return plan.only(dataclasses.replace(found, cost=cost, tail=tail), chosen.only)


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in plan.PARTS:
            raise argparse.ArgumentTypeError(f"no part {name!r}; there are {', '.join(plan.PARTS)}")
    return names


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)


def _arms(text: str) -> tuple[arms.Arm, ...]:
    try:
        return tuple(arms.named(text.split(",")))
    except KeyError as error:
        there = ", ".join(arm.name for arm in arms.ARMS)
        raise argparse.ArgumentTypeError(f"no arm {error}; there are {there}") from error
