"""What an open-loop generator is to send: as a value, as requests, as the command line of its process. Pure."""

import argparse
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send where: `rate` per second, for `seconds` after `warmup_s` that is sent but not reported.

    `{n}` in a path or a header is the number of the request.
    """

    target: str
    host: str
    path: str
    rate: float
    seconds: float
    warmup_s: float = 0.0
    timeout_s: float = 5.0
    connections: int = 512
    more_paths: tuple[str, ...] = ()
    """Asked for in turn with `path`: a route with a parameter is not one cached page."""
    headers: tuple[str, ...] = ()
    """Lines added to every request, as in `Authorization: Bearer …`."""
    sources: tuple[str, ...] = ()
    """Local addresses to connect from: connections have them in turn, and requests use the connections in turn."""
    start_s: float | None = None
    """When the first request is due, on `clock.now`'s scale; None: at once."""

    def requests(self) -> list[bytes]:
        """The bytes of the requests, one per path; they are sent in turn."""
        lines = "".join(
            f"{line}\r\n" for line in (f"Host: {self.host}", "User-Agent: openloop", *self.headers)
        )
        return [f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode() for path in (self.path, *self.more_paths)]

    def arguments(self) -> list[str]:
        """The same for the command line."""
        repeated = {
            "--path": (self.path, *self.more_paths),
            "--header": self.headers,
            "--source": self.sources,
        }
        said = [self.target, "--host", self.host]
        said += [word for option, values in repeated.items() for each in values for word in (option, each)]
        single = {
            "--rate": self.rate,
            "--seconds": self.seconds,
            "--warmup": self.warmup_s,
            "--timeout": self.timeout_s,
            "--connections": self.connections,
            "--at": self.start_s,
        }
        return said + [
            word for option, value in single.items() if value is not None for word in (option, str(value))
        ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options for every field of a plan."""
    add = parser.add_argument
    add("target", metavar="IP:PORT", help="where to connect")
    add("--host", required=True, help="the Host header: chooses the service at a sidecar")
    add("--path", action="append", help="request target (default /); several are asked for in turn")
    add("--header", action="append", default=[], metavar="LINE", help="add `Name: value` to every request")
    add("--source", action="append", default=[], metavar="IP", help="connect from there; several: in turn")
    add("--rate", type=float, default=1000, help="requests per second (default 1000)")
    add("--seconds", type=float, default=5, help="how long (default 5)")
    add("--warmup", type=float, default=0, help="seconds before that are sent, not reported")
    add("--timeout", type=float, default=5, help="seconds until a request counts as failed")
    add("--connections", type=int, default=512, help="at most so many; beyond, requests wait (default 512)")
    add("--at", type=float, help="start at this instant of the monotonic clock (default: now)")


def chosen(given: argparse.Namespace) -> Plan:
    """The plan a command line asks for."""
    paths = given.path or ["/"]
    return Plan(
        given.target,
        given.host,
        paths[0],
        given.rate,
        given.seconds,
        warmup_s=given.warmup,
        timeout_s=given.timeout,
        connections=given.connections,
        more_paths=tuple(paths[1:]),
        headers=tuple(given.header),
        sources=tuple(given.source),
        start_s=given.at,
    )
