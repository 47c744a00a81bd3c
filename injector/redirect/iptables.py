"""The rules that send a pod's TCP through its sidecar, as values, and the commands that lay them down. Pure.

Linkerd's rule set (linkerd2-proxy-init, pkg/iptables) with our chains, uid and ports. Everything lives in the `nat`
table of the pod's own network namespace; each rule carries a comment that says what it is for. Commands are given
without the program, so that the same ones serve IPv4 and IPv6, nft and legacy.
"""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from sidecar import contract

INBOUND: Final = "EQUILIBRIUM_INBOUND"
OUTBOUND: Final = "EQUILIBRIUM_OUTBOUND"
HOOKS: Final = {INBOUND: "PREROUTING", OUTBOUND: "OUTPUT"}
"""From which built-in chain each of ours is jumped to."""
MULTIPORT_LIMIT: Final = 15
"""Ports in one `multiport` match; a range counts as two (iptables-extensions(8))."""

Ports = tuple[int, int]
"""First and last, both included."""
Network = IPv4Network | IPv6Network
Argv = tuple[str, ...]
"""Words of one command, after the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is caught. The sidecar's own user is never caught, nor loopback, nor what is skipped."""

    outbound_port: int = contract.OUTBOUND_PORT
    inbound_port: int = contract.INBOUND_PORT
    proxy_uid: int = contract.PROXY_UID
    skip_inbound: tuple[Ports, ...] = ()
    skip_outbound: tuple[Ports, ...] = ()
    skip_subnets: tuple[Network, ...] = ()
    """Of either family: what comes from there and what goes there is left alone."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one chain: what it matches, what then happens, and why."""

    chain: str
    comment: str
    match: Argv
    then: Argv

    def words(self) -> Argv:
        """As `-A` takes it."""
        comment = ("-m", "comment", "--comment", f"equilibrium: {self.comment}")
        return (self.chain, *self.match, *comment, "-j", *self.then)


def rules(plan: Plan, version: int) -> list[Rule]:
    """The rules of both chains in order, for IP version 4 or 6."""
    return [*_inbound(plan, version), *_outbound(plan, version)]


def _inbound(plan: Plan, version: int) -> Iterator[Rule]:
    skipped = ((contract.ADMIN_PORT, contract.ADMIN_PORT), *plan.skip_inbound)
    yield from _skip_ports(INBOUND, skipped)
    for subnet in _of(plan.skip_subnets, version):
        yield Rule(INBOUND, f"skip from {subnet}", ("-s", str(subnet)), ("RETURN",))
    yield _redirect(INBOUND, "what others send us", plan.inbound_port)


def _outbound(plan: Plan, version: int) -> Iterator[Rule]:
    owner = ("-m", "owner", "--uid-owner", str(plan.proxy_uid))
    yield Rule(OUTBOUND, "what the sidecar itself sends", owner, ("RETURN",))
    # The application talking to itself, and the sidecar's last hop to the pod's own address.
    yield Rule(OUTBOUND, "within the pod", ("-o", "lo"), ("RETURN",))
    yield from _skip_ports(OUTBOUND, plan.skip_outbound)
    for subnet in _of(plan.skip_subnets, version):
        yield Rule(OUTBOUND, f"skip to {subnet}", ("-d", str(subnet)), ("RETURN",))
    yield _redirect(OUTBOUND, "what the application sends", plan.outbound_port)


def _skip_ports(chain: str, ports: Iterable[Ports]) -> Iterator[Rule]:
    for group in multiports(ports):
        match = ("-p", "tcp", "-m", "multiport", "--dports", group)
        yield Rule(chain, "skip ports", match, ("RETURN",))


def _redirect(chain: str, comment: str, port: int) -> Rule:
    return Rule(chain, comment, ("-p", "tcp"), ("REDIRECT", "--to-ports", str(port)))


def _of(subnets: Iterable[Network], version: int) -> Iterator[Network]:
    return (subnet for subnet in dict.fromkeys(subnets) if subnet.version == version)


def multiports(ports: Iterable[Ports]) -> list[str]:
    """Values of `--dports`, each within the limit of one rule; every port once, overlapping ranges joined."""
    groups: list[list[str]] = []
    room = 0
    for low, high in _joined(ports):
        takes = 1 if low == high else 2
        if takes > room:
            groups.append([])
            room = MULTIPORT_LIMIT
        groups[-1].append(str(low) if low == high else f"{low}:{high}")
        room -= takes
    return [",".join(group) for group in groups]


def _joined(ports: Iterable[Ports]) -> list[Ports]:
    joined: list[Ports] = []
    for low, high in sorted(ports):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


# -- commands; `saved` is what `iptables-save -t nat` prints


def chains(saved: str) -> set[str]:
    """Those of ours that exist."""
    return {chain for chain in HOOKS if f"\n:{chain} " in f"\n{saved}"}


def jumps(saved: str) -> list[Argv]:
    """Every rule outside our chains that leads into them, as `-A` or `-D` take it."""
    appended = (shlex.split(line)[1:] for line in saved.splitlines() if line.startswith("-A "))
    return [tuple(words) for words in appended if words[0] not in HOOKS and words[-1] in HOOKS]


def install(plan: Plan, version: int, saved: str) -> list[Argv]:
    """From whatever is there to exactly our rules: running it twice changes nothing.

    An init container runs again when a node restarts. The jumps come last, so that a chain is entered only when
    it is complete.
    """
    there, led = chains(saved), {words[-1] for words in jumps(saved)}
    commands = [_nat("-F" if chain in there else "-N", chain) for chain in HOOKS]
    commands += [_nat("-A", *rule.words()) for rule in rules(plan, version)]
    commands += [_nat("-A", *_jump(chain).words()) for chain in HOOKS if chain not in led]
    return commands


def remove(saved: str) -> list[Argv]:
    """Everything of ours away; nothing of anybody else's."""
    there = [chain for chain in HOOKS if chain in chains(saved)]
    away = [_nat("-D", *words) for words in jumps(saved)]
    return [*away, *(_nat("-F", chain) for chain in there), *(_nat("-X", chain) for chain in there)]


def _jump(chain: str) -> Rule:
    return Rule(HOOKS[chain], "through the sidecar", ("-p", "tcp"), (chain,))


def _nat(command: str, *words: str) -> Argv:
    # The lock is the kernel's network namespace's: another program may hold it for a moment.
    return ("-w", "5", "-t", "nat", command, *words)


def describe(plan: Plan) -> str:
    """In one line, for the log."""
    inbound = ",".join(multiports([(contract.ADMIN_PORT, contract.ADMIN_PORT), *plan.skip_inbound]))
    outbound = ",".join(multiports(plan.skip_outbound))
    subnets = ",".join(map(str, plan.skip_subnets))
    return (
        f"inbound TCP goes to port {plan.inbound_port} except to ports {inbound}; outbound TCP goes to port "
        f"{plan.outbound_port} except from uid {plan.proxy_uid}, on loopback"
        f"{f', to ports {outbound}' if outbound else ''}{f'; subnets left alone: {subnets}' if subnets else ''}"
    )


def shell(program: str, commands: Sequence[Argv]) -> list[str]:
    """The commands as one would type them."""
    return [shlex.join([program, *words]) for words in commands]
