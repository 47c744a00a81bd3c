"""Runs one pod of UrbanMoveMS.

Base URLs come from BUS_SERVICE_URL, TRAJET_SERVICE_URL, USER_SERVICE_URL and TICKET_SERVICE_URL, as in the original.
Says `urbanmove ROLE ready listen=… control=…` on stderr once it serves. SIGTERM drains it, exit 0.

The control port: `curl -X PUT -d '{"latency_ms": 500}' http://IP:PORT/faults` makes it slow, `-X DELETE` heals it;
/stats counts; `curl -X POST …/crash` ends it at once. Fields of a fault: latency_ms, random_ms, fraction, error_status,
error_rate, hang, slow_body_ms, cpu_ms, routes.

Seeded at every replica: rider000@urbanmove.ma to rider199@urbanmove.ma with password-000 to password-199,
admin@urbanmove.ma with password-admin; line 32H and 61 others, routes 1 to 124; 20 buses of line L32H.
"""

import argparse
import logging
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from loadtest import processes
from loadtest.urbanmove import server
from loadtest.urbanmove.bus import Bus
from loadtest.urbanmove.gateway import Gateway
from loadtest.urbanmove.pod import Options, Pod
from loadtest.urbanmove.role import Role
from loadtest.urbanmove.ticket import Ticket
from loadtest.urbanmove.trajet import Trajet
from loadtest.urbanmove.user import User

ROLES: dict[str, Callable[[Pod], Role]] = {
    "gateway": Gateway,
    "bus": Bus,
    "trajet": Trajet,
    "user": User,
    "ticket": Ticket,
}


def main(argv: list[str] | None = None) -> int:
    """Exit 0 when told to end, 2 for a mistake on the command line, 3 when it cannot serve."""
    chosen = _parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s %(message)s")
    pod = Pod.of(
        Options(
            role=chosen.role,
            name=chosen.pod or chosen.role,
            database=chosen.database,
            proxy=chosen.proxy,
            hosts=chosen.hosts,
            pay_s=chosen.pay_s,
            seed=chosen.seed,
            drain_s=chosen.drain_s,
        )
    )
    try:
        uvloop.run(server.serve(pod, ROLES[chosen.role](pod), chosen.listen, chosen.control))
    except (OSError, sqlite3.Error) as error:
        print(f"urbanmove {chosen.role}: {error}", file=sys.stderr)
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.urbanmove",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--listen", required=True, type=_address, metavar="IP:PORT", help="where it serves")
    parser.add_argument(
        "--control", required=True, type=_address, metavar="IP:PORT", help="faults, counts, crash"
    )
    parser.add_argument("--pod", metavar="NAME", help="what X-Pod says (default: the role)")
    parser.add_argument("--database", type=Path, metavar="PATH", help="SQLite file the replicas share")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--proxy", type=_address, metavar="IP:PORT", help="the pod's sidecar, for all it calls")
    way.add_argument("--hosts", type=Path, metavar="FILE", help='without one: {"bus-service": ["127.0.0.2"]}')
    parser.add_argument("--pay-s", type=_seconds, default=2.0, help="how long a payment takes (default 2)")
    parser.add_argument(
        "--seed", type=int, default=7, help="of all draws, mixed with the pod's name (default 7)"
    )
    parser.add_argument("--drain-s", type=_seconds, default=1.0, help="for idle connections (default 1)")
    return parser


def _address(text: str) -> str:
    host, port = processes.split(text)
    if not host or not 0 <= port <= 65535:
        raise ValueError
    return text


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 3600:
        raise ValueError
    return value


if __name__ == "__main__":
    raise SystemExit(main())
