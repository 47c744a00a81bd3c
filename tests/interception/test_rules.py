"""The rules as values: what is caught, in which order, within iptables' limits, and how often it can be laid down."""

import ipaddress
import random
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from injector.redirect import iptables
from injector.redirect.iptables import INBOUND, OUTBOUND, Plan
from sidecar import contract

PORTS = st.tuples(st.integers(1, 65535), st.integers(0, 100)).map(lambda p: (p[0], min(65535, p[0] + p[1])))


def words(plan: Plan, version: int = 4) -> list[str]:
    """Each rule as one line, without its comment."""
    lines = []
    for rule in iptables.rules(plan, version):
        assert rule.words()[-len(rule.then) - 1] == "-j"
        lines.append(" ".join((rule.chain, *rule.match, *rule.then)))
    return lines


def test_by_default_everything_is_caught_but_the_sidecar_loopback_and_the_admin_port() -> None:
    assert words(Plan()) == [
        f"{INBOUND} -p tcp -m multiport --dports 15490 RETURN",
        f"{INBOUND} -p tcp REDIRECT --to-ports 15406",
        f"{OUTBOUND} -m owner --uid-owner 1773 RETURN",
        f"{OUTBOUND} -o lo RETURN",
        f"{OUTBOUND} -p tcp REDIRECT --to-ports 15401",
    ]


def test_what_is_skipped_is_skipped_before_anything_is_redirected() -> None:
    plan = Plan(
        skip_inbound=((22, 22),),
        skip_outbound=((5000, 5010),),
        skip_subnets=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")),
    )
    assert words(plan) == [
        f"{INBOUND} -p tcp -m multiport --dports 22,15490 RETURN",
        f"{INBOUND} -s 10.0.0.0/8 RETURN",
        f"{INBOUND} -p tcp REDIRECT --to-ports 15406",
        f"{OUTBOUND} -m owner --uid-owner 1773 RETURN",
        f"{OUTBOUND} -o lo RETURN",
        f"{OUTBOUND} -p tcp -m multiport --dports 5000:5010 RETURN",
        f"{OUTBOUND} -d 10.0.0.0/8 RETURN",
        f"{OUTBOUND} -p tcp REDIRECT --to-ports 15401",
    ]


def test_a_subnet_is_only_in_the_rules_of_its_own_family() -> None:
    plan = Plan(skip_subnets=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")))
    assert f"{INBOUND} -s fd00::/8 RETURN" in words(plan, 6)
    assert not [line for line in words(plan, 6) if "10.0.0.0" in line]
    assert not [line for line in words(plan, 4) if "fd00" in line]


def test_every_rule_says_what_it_is_for() -> None:
    for rule in iptables.rules(Plan(skip_outbound=((1, 2),)), 4):
        at = rule.words().index("--comment")
        assert rule.words()[at + 1].startswith("equilibrium: ")
        assert len(rule.words()[at + 1]) < 256, "xt_comment holds no more"


@pytest.mark.parametrize(
    ("ports", "groups"),
    [
        ([], []),
        ([(80, 80)], ["80"]),
        ([(9000, 9010), (22, 22)], ["22,9000:9010"]),
        ([(22, 22), (22, 22), (20, 25)], ["20:25"]),
        ([(p, p) for p in range(1, 31, 2)], ["1,3,5,7,9,11,13,15,17,19,21,23,25,27,29"]),
        ([(p, p) for p in range(1, 33, 2)], ["1,3,5,7,9,11,13,15,17,19,21,23,25,27,29", "31"]),
        (
            [(p, p + 1) for p in range(1, 25, 3)],
            ["1:2,4:5,7:8,10:11,13:14,16:17,19:20", "22:23"],
        ),
    ],
    ids=["none", "one", "range", "overlap", "fifteen", "sixteen", "ranges count twice"],
)
def test_ports_are_grouped_within_the_limit(ports: list[iptables.Ports], groups: list[str]) -> None:
    assert iptables.multiports(ports) == groups


@given(st.lists(PORTS, max_size=60))
@settings(max_examples=200)
def test_however_many_ports_each_is_there_and_no_rule_holds_too_many(ports: list[iptables.Ports]) -> None:
    wanted = {port for low, high in ports for port in range(low, high + 1)}
    got = set()
    for group in iptables.multiports(ports):
        entries = [entry.split(":") for entry in group.split(",")]
        assert sum(map(len, entries)) <= iptables.MULTIPORT_LIMIT
        for entry in entries:
            got |= set(range(int(entry[0]), int(entry[-1]) + 1))
    assert got == wanted


# -- commands, judged by a model of the nat table


class Table:
    """As much of iptables as the commands use."""

    def __init__(self) -> None:
        self.chains: dict[str, list[str]] = {"PREROUTING": [], "OUTPUT": []}

    def run(self, command: iptables.Argv) -> None:
        assert command[:4] == ("-w", "5", "-t", "nat")
        verb, chain, *rest = command[4:]
        line = shlex.join(rest)
        if verb == "-N":
            assert chain not in self.chains, "Chain already exists"
            self.chains[chain] = []
        elif verb == "-F":
            self.chains[chain].clear()
        elif verb == "-A":
            assert rest[-1] in self.chains or rest[-1] not in iptables.HOOKS
            self.chains[chain].append(line)
        elif verb == "-D":
            self.chains[chain].remove(line)
        else:
            assert verb == "-X"
            assert not self.chains.pop(chain), "Directory not empty"
            assert not [
                line for lines in self.chains.values() for line in lines if line.endswith(f" {chain}")
            ]

    def save(self) -> str:
        """As `iptables-save -t nat` writes it: its own quotes around comments."""
        lines = ["# Generated by iptables-save", "*nat"]
        lines += [f":{chain} {'ACCEPT' if chain.isupper() else '-'} [0:0]" for chain in self.chains]
        lines += [f"-A {chain} {rule}" for chain, rules in self.chains.items() for rule in rules]
        return "\n".join([*lines, "COMMIT", ""]).replace("'", '"')


PLANS = st.builds(
    Plan,
    skip_inbound=st.lists(PORTS, max_size=40).map(tuple),
    skip_outbound=st.lists(PORTS, max_size=40).map(tuple),
    skip_subnets=st.lists(st.sampled_from(["10.0.0.0/8", "192.168.0.0/16", "fd00::/8"]).map(ipaddress.ip_network))
    .map(tuple),
)  # fmt: skip


@given(st.lists(PLANS, min_size=1, max_size=3), st.sampled_from([4, 6]))
@settings(max_examples=60)
def test_the_last_run_decides_whatever_ran_before(plans: list[Plan], version: int) -> None:
    table, fresh = Table(), Table()
    for plan in plans:
        for command in iptables.install(plan, version, table.save()):
            table.run(command)
    for command in iptables.install(plans[-1], version, fresh.save()):
        fresh.run(command)
    assert table.chains == fresh.chains


@given(PLANS)
@settings(max_examples=30)
def test_removing_leaves_what_others_put_there(plan: Plan) -> None:
    table = Table()
    table.run(("-w", "5", "-t", "nat", "-A", "OUTPUT", "-p", "udp", "-j", "REDIRECT", "--to-ports", "53"))
    before = {chain: list(rules) for chain, rules in table.chains.items()}
    for command in iptables.install(plan, 4, table.save()):
        table.run(command)
    for command in iptables.remove(table.save()):
        table.run(command)
    assert table.chains == before
    assert iptables.remove(table.save()) == [], "a second time there is nothing to do"


def test_a_run_that_was_interrupted_anywhere_is_completed_by_the_next() -> None:
    plan, rng = Plan(skip_inbound=((22, 22),)), random.Random(5)
    whole = Table()
    for command in iptables.install(plan, 4, whole.save()):
        whole.run(command)
    commands = iptables.install(plan, 4, Table().save())
    for cut in [0, len(commands), *(rng.randrange(len(commands)) for _ in range(8))]:
        table = Table()
        for command in commands[:cut]:
            table.run(command)
        for command in iptables.install(plan, 4, table.save()):
            table.run(command)
        assert table.chains == whole.chains, f"interrupted after {cut} commands"


def test_the_jumps_come_last_so_that_no_half_built_chain_is_entered() -> None:
    commands = iptables.install(Plan(), 4, "")
    hooks = [command[5] in iptables.HOOKS.values() for command in commands]
    assert hooks == sorted(hooks)
    assert sum(hooks) == 2


def test_the_log_line_says_what_is_caught() -> None:
    line = iptables.describe(Plan(skip_inbound=((22, 22),), skip_outbound=((5000, 5010),)))
    assert "15406 except to ports 22,15490" in line
    assert f"except from uid {contract.PROXY_UID}, on loopback, to ports 5000:5010" in line
