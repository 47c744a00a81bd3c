"""`equilibrium-init`: sends a pod's TCP through its sidecar. Runs in an init container, before everything else.

Exit codes: 0 done, 1 iptables failed (the message says what to do), 2 the arguments are wrong (all mistakes at
once). Nothing beyond the standard library and `sidecar.contract` is imported: the image is iptables and this.
"""

import argparse
import ipaddress
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from injector.redirect import backends, iptables
from injector.redirect.backends import BackendError
from injector.redirect.iptables import Network, Plan, Ports
from sidecar import contract

T = TypeVar("T")

_MOST_UID: Final = 2**32 - 2


class ArgumentError(Exception):
    """Every mistake in the arguments, one a line."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def main(argv: Sequence[str] | None = None) -> int:
    """See the module."""
    options, unknown = _parser().parse_known_args(argv)
    try:
        plan = parse(options, unknown)
    except ArgumentError as error:
        for mistake in error.mistakes:
            _say(mistake, error=True)
        return 2
    try:
        _apply(plan, remove=options.remove, dry_run=options.dry_run)
    except BackendError as error:
        _say(str(error), error=True)
        if what := backends.advice(str(error)):
            _say(what, error=True)
        return 1
    return 0


def _say(text: str, *, error: bool = False) -> None:
    print(f"equilibrium-init: {text}", file=sys.stderr if error else sys.stdout, flush=True)


# -- doing it


def _apply(plan: Plan, *, remove: bool, dry_run: bool) -> None:
    for version in (4, 6):
        try:
            backend = backends.choose(version)
        except BackendError as error:
            if version == 4 and not dry_run:
                raise
            backend = backends.Backend("iptables" if version == 4 else "ip6tables", "")
            _say(f"IPv{version} is not intercepted: {error}", error=True)
            if not dry_run:
                continue
        saved = backend.saved
        commands = iptables.remove(saved) if remove else iptables.install(plan, version, saved)
        if dry_run:
            print("\n".join(iptables.shell(backend.program, commands)))
            continue
        for words in commands:
            backends.run(backend.program, words)
        _tell(version, backend, plan, len(commands), remove=remove)


def _tell(version: int, backend: backends.Backend, plan: Plan, count: int, *, remove: bool) -> None:
    if remove:
        what = "our chains are gone" if count else "there was nothing of ours"
    else:
        again = " (again)" if iptables.chains(backend.saved) else ""
        what = f"{iptables.describe(plan)}{again}"
    _say(f"IPv{version} by {backend.program}: {what}")


# -- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="equilibrium-init", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--outbound-port", default=str(contract.OUTBOUND_PORT), metavar="PORT", help="(%(default)s)")
    add("--inbound-port", default=str(contract.INBOUND_PORT), metavar="PORT", help="(%(default)s)")
    add("--proxy-uid", default=str(contract.PROXY_UID), metavar="UID", help="never caught (%(default)s)")
    ports = "ports and ranges, such as 22,9000-9010"
    add("--skip-inbound-ports", default="", metavar="PORTS", help=f"{ports}; {contract.ADMIN_PORT} always is")
    add("--skip-outbound-ports", default="", metavar="PORTS", help=ports)
    add(
        "--skip-subnets",
        default="",
        metavar="CIDRS",
        help="left alone both ways, such as 10.0.0.0/8,fd00::/8",
    )
    add("--dry-run", action="store_true", help="print the commands, change nothing")
    add("--remove", action="store_true", help="take everything away again")
    return parser


def parse(options: argparse.Namespace, unknown: Sequence[str] = ()) -> Plan:
    """The plan that the arguments ask for. Raises `ArgumentError` with every mistake."""
    mistakes = [f"{word!r}: no such argument; see --help" for word in unknown]

    def read(option: str, parse_one: Callable[[str], T], default: T) -> T:
        text = getattr(options, option.replace("-", "_"))
        try:
            return parse_one(text)
        except ValueError as error:
            mistakes.append(f"--{option}={text}: {error}")
            return default

    plan = Plan(
        outbound_port=read("outbound-port", parse_port, 0),
        inbound_port=read("inbound-port", parse_port, 0),
        proxy_uid=read("proxy-uid", parse_uid, 0),
        skip_inbound=read("skip-inbound-ports", parse_ports, ()),
        skip_outbound=read("skip-outbound-ports", parse_ports, ()),
        skip_subnets=read("skip-subnets", parse_subnets, ()),
    )
    if plan.outbound_port and plan.outbound_port == plan.inbound_port:
        mistakes.append(
            f"--inbound-port={plan.inbound_port}: the same as --outbound-port; allowed: another port"
        )
    if mistakes:
        raise ArgumentError(mistakes)
    return plan


def parse_port(text: str) -> int:
    """1..65535. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 65535):
        raise ValueError(f"{text!r} is not a port; allowed: 1..65535")
    return int(text)


def parse_uid(text: str) -> int:
    """A user that is not root: iptables could not tell root's sidecar from anything else. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST_UID):
        raise ValueError(f"{text!r} is not a user id other than root's; allowed: 1..{_MOST_UID}")
    return int(text)


def parse_ports(text: str) -> tuple[Ports, ...]:
    """`22,9000-9010`; nothing for none. Raises ValueError naming every wrong one."""
    return _each(text, _range)


def parse_subnets(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8,fd00::/8`; nothing for none. Raises ValueError naming every wrong one."""
    return _each(text, _network)


def _range(word: str) -> Ports:
    low, dash, high = word.partition("-")
    ports = parse_port(low), parse_port(high if dash else low)
    if ports[0] > ports[1]:
        raise ValueError(f"{word!r} ends before it begins; allowed: {high}-{low}")
    return ports


def _network(word: str) -> Network:
    try:
        loose = ipaddress.ip_network(word, strict=False)
    except ValueError:
        raise ValueError(f"{word!r} is not a subnet; allowed: such as 10.0.0.0/8 or fd00::/8") from None
    if loose != _strict(word):
        raise ValueError(f"{word!r} has bits set beyond its length; allowed: {loose}")
    return loose


def _strict(word: str) -> Network | None:
    try:
        return ipaddress.ip_network(word)
    except ValueError:
        return None


def _each(text: str, parse_one: Callable[[str], T]) -> tuple[T, ...]:
    values: list[T] = []
    wrong: list[str] = []
    for word in _words(text):
        try:
            values.append(parse_one(word))
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(values)


def _words(text: str) -> Iterable[str]:
    return (word.strip() for word in text.split(",")) if text.strip() else ()


if __name__ == "__main__":
    sys.exit(main())
