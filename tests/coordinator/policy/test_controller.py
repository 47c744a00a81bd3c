"""One rule of the controller at a time."""

import math
import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from coordinator.policy.config import Bounds, Config, Node
from coordinator.policy.controller import Controller
from coordinator.policy.grant import Consent, Grant
from coordinator.policy.observation import Observation, Source
from coordinator.policy.outcome import Kind, Outcome
from coordinator.policy.plan import Plan
from coordinator.policy.subject import Subject
from tests.coordinator.policy.plant import resized, subject

CYCLE_S = 15.0
NODES = [Node("n", 2000)]
MIB = 2**20


class Desk:
    """A controller whose clock goes by itself."""

    def __init__(self, config: Config | None = None) -> None:
        self.controller = Controller(config or Config(), random.Random(0))
        self.now = 1000.0

    def plan(
        self,
        *pods: Subject,
        demands: Mapping[str, float] | None = None,
        seen: Mapping[str, Observation] | None = None,
        bounds: Mapping[str, Bounds] | None = None,
        nodes: list[Node] | None = None,
        after_s: float = CYCLE_S,
    ) -> Plan:
        self.now += after_s
        told = {pod.uid: self.saw((demands or {}).get(pod.name, 0.5)) for pod in pods}
        told |= {f"uid-{name}": each for name, each in (seen or {}).items()}
        return self.controller.plan(NODES if nodes is None else nodes, pods, told, bounds or {}, now=self.now)

    def saw(self, demand: float, *, age_s: float = 0.0, source: Source = "sidecar") -> Observation:
        return Observation(demand=demand, source=source, at=self.now - age_s)

    def settled(self, grant: Grant, kind: Kind = "applied", generation: int | None = None) -> None:
        self.controller.settled(grant, Outcome(kind=kind, generation=generation), now=self.now)


RICH, POOR = subject("rich", 1000, budget=5.0), subject("poor", 1000)


def held(plan: Plan, name: str) -> str:
    """The reason; empty: it is not held."""
    return next((one.reason for one in plan.held if one.subject.name == name), "")


def granted(plan: Plan, name: str) -> int | None:
    return next((grant.cpu_m for grant in plan.grants if grant.subject.name == name), None)


# -- the ordinary cycle


def test_budgets_move_cpu_from_the_poor_to_the_rich_sellers_first() -> None:
    plan = Desk().plan(RICH, POOR)
    assert [(grant.subject.name, grant.sells) for grant in plan.grants] == [("poor", True), ("rich", False)]
    assert granted(plan, "rich") == 1360
    assert granted(plan, "poor") == 640
    assert plan.spare_m == {"n": 0}
    assert plan.bids == {"uid-rich": 2.5, "uid-poor": 0.5}
    assert plan.markets["n"].lines["default/rich"].cpu_m == 1600


def test_a_grant_says_how_its_figure_came_about() -> None:
    plan = Desk().plan(RICH, POOR)
    assert plan.grants[0].reason.startswith("bid 0.5 (demand 0.50) at price 0.001667 buys 400m")


def test_the_order_of_pods_and_nodes_changes_nothing() -> None:
    pods = [subject(f"p{index}", 300, budget=1.0 + index, node="nm"[index % 2]) for index in range(6)]
    nodes = [Node("n", 1500), Node("m", 1000)]
    one = Desk().plan(*pods, nodes=nodes)
    assert Desk().plan(*reversed(pods), nodes=nodes[::-1]) == one
    assert one.grants


def test_nodes_are_markets_of_their_own() -> None:
    there = subject("there", 500, budget=9.0, node="m")
    plan = Desk().plan(RICH, POOR, there, nodes=[*NODES, Node("m", 500)])
    assert (granted(plan, "rich"), granted(plan, "poor")) == (1360, 640)
    assert held(plan, "there") == "dead-band"


def test_fairness_is_one_when_amounts_are_proportional_and_less_before() -> None:
    desk = Desk()
    assert desk.plan(RICH, POOR).fairness < 0.9
    assert desk.plan(resized(RICH, 1600), resized(POOR, 400)).fairness == pytest.approx(1.0, abs=0.02)


# -- who is left alone


def test_a_pod_nobody_observed_keeps_what_it_has_and_the_others_share_the_rest() -> None:
    desk = Desk()
    desk.now += CYCLE_S
    told = {POOR.uid: desk.saw(1.0)}
    plan = desk.controller.plan(NODES, [RICH, POOR], told, {}, now=desk.now)
    assert held(plan, "rich") == "unobserved"
    assert plan.markets["n"].capacity_m == 1000
    assert granted(plan, "poor") is None


@pytest.mark.parametrize(
    ("age_s", "word"), [(31.0, "stale"), (-16.0, "stale"), (29.0, ""), (math.nan, "stale")]
)
def test_what_is_known_too_long_ago_or_too_early_is_not_acted_on(age_s: float, word: str) -> None:
    desk = Desk()
    old = replace(desk.saw(1.0), at=desk.now + CYCLE_S - age_s)
    assert held(desk.plan(RICH, POOR, seen={"rich": old}), "rich") == word


@pytest.mark.parametrize("nonsense", [math.nan, -0.1, 1.1, math.inf])
def test_a_demand_that_is_none_is_not_acted_on(nonsense: float) -> None:
    assert held(Desk().plan(RICH, POOR, demands={"rich": nonsense}), "rich") == "unusable"


@pytest.mark.parametrize("budget", [-1.0, math.nan, math.inf])
def test_a_budget_that_is_none_leaves_its_pod_alone_and_no_other(budget: float) -> None:
    plan = Desk().plan(replace(RICH, budget=budget), POOR, subject("third", 500), nodes=[Node("n", 3400)])
    assert held(plan, "rich") == "invalid"
    assert granted(plan, "poor") is not None


def test_a_pod_on_an_unknown_node_is_left_alone() -> None:
    assert held(Desk().plan(RICH, nodes=[Node("other", 9000)]), "rich") == "node"


def test_two_pods_of_one_name_are_left_alone_and_keep_what_they_have() -> None:
    twin = replace(subject("rich", 700), uid="other")
    plan = Desk().plan(RICH, twin, POOR, nodes=[Node("n", 2700)])
    assert [one.reason for one in plan.held if one.subject.name == "rich"] == ["twice", "twice"]
    assert plan.markets["n"].capacity_m == 1000


def test_bounds_that_clash_leave_the_pod_alone() -> None:
    plan = Desk().plan(RICH, POOR, bounds={"default": Bounds(max_cpu_m=50)})
    assert held(plan, "rich") == "bounds"


def test_a_pod_on_its_way_counts_with_the_larger_of_both_amounts() -> None:
    under_way = replace(resized(RICH, 1200), actual=RICH.spec, settled=False)
    plan = Desk().plan(under_way, POOR)
    assert held(plan, "rich") == "settling"
    assert plan.markets["n"].capacity_m == 800


def test_what_was_just_written_counts_before_the_list_shows_it() -> None:
    """Status lags: until the pod's generation is what our patch made it, nothing is decided on what is listed."""
    desk = Desk()
    plan = desk.plan(RICH, POOR)
    for grant in plan.grants:
        desk.settled(grant, generation=2)
    again = desk.plan(RICH, POOR)
    assert (held(again, "rich"), held(again, "poor")) == ("settling", "settling")
    assert again.spare_m["n"] == 2000 - 1360 - 1000
    later = desk.plan(resized(RICH, 1360), resized(POOR, 640))
    assert granted(later, "rich") is not None


def test_who_already_has_its_share_stays() -> None:
    plan = Desk().plan(resized(RICH, 1600), resized(POOR, 400))
    assert (plan.grants, held(plan, "rich"), held(plan, "poor")) == ((), "dead-band", "dead-band")


# -- nobody below the floor because of others who are held


def test_a_large_newcomer_nobody_knows_takes_no_floor() -> None:
    desk = Desk()
    desk.now += CYCLE_S
    newcomer = subject("new", 2000)
    told = {POOR.uid: desk.saw(0.5)}
    plan = desk.controller.plan(NODES, [newcomer, POOR], told, {}, now=desk.now)
    amount = granted(plan, "poor")
    assert amount is not None
    assert POOR.floor_m <= amount < POOR.cpu_m


def test_floors_that_cannot_be_kept_are_cut_alike() -> None:
    pods = [
        replace(subject(name, 1000, floor_m=1500), spec=replace(POOR.spec, cpu_request_m=None))
        for name in "ab"
    ]
    plan = Desk().plan(*pods, subject("c", 10, floor_m=10))
    assert plan.markets["n"].infeasible
    assert granted(plan, "a") == granted(plan, "b") == 990


# -- clocks


@pytest.mark.parametrize("jump_s", [-600.0, -0.001, 61.0, 1e9])
def test_a_clock_that_jumps_costs_one_cycle_and_nothing_else(jump_s: float) -> None:
    desk = Desk()
    desk.plan(RICH, POOR)
    plan = desk.plan(RICH, POOR, after_s=jump_s)
    assert {one.reason for one in plan.held} == {"clock"}
    assert (plan.grants, plan.reverts) == ((), ())
    assert desk.plan(RICH, POOR).grants


def test_a_jump_of_the_clock_ends_no_veto() -> None:
    desk = Desk()
    grant = desk.plan(RICH, POOR).grants[0]
    desk.controller.answered(grant, Consent("vetoed"), now=desk.now)
    desk.plan(RICH, POOR, after_s=1e6)
    assert held(desk.plan(RICH, POOR), "poor") == "veto"


# -- no means no


def test_a_veto_is_remembered_for_four_cycles() -> None:
    desk = Desk()
    grant = desk.plan(RICH, POOR).grants[0]
    assert grant.subject.name == "poor"
    desk.controller.answered(grant, Consent("vetoed", "use is unknown"), now=desk.now)
    words = [held(desk.plan(RICH, POOR), "poor") for _ in range(5)]
    assert words == ["veto", "veto", "veto", "", ""]


def test_a_veto_that_names_a_minimum_is_kept_to_it() -> None:
    desk = Desk()
    grant = desk.plan(RICH, POOR).grants[0]
    assert grant.cpu_m == 640
    desk.controller.answered(grant, Consent("vetoed", "busy", minimum_cpu_m=795), now=desk.now)
    again = desk.plan(RICH, POOR)
    assert granted(again, "poor") == 800
    assert granted(again, "rich") == 1200


def test_a_minimum_the_refused_proposal_had_kept_means_no_to_everything() -> None:
    desk = Desk()
    grant = desk.plan(RICH, POOR).grants[0]
    desk.controller.answered(grant, Consent("vetoed", "", minimum_cpu_m=100), now=desk.now)
    assert held(desk.plan(RICH, POOR), "poor") == "veto"


def test_consent_ends_a_veto() -> None:
    desk = Desk()
    grant = desk.plan(RICH, POOR).grants[0]
    desk.controller.answered(grant, Consent("vetoed"), now=desk.now)
    desk.controller.answered(grant, Consent("accepted"), now=desk.now)
    assert granted(desk.plan(RICH, POOR), "poor") == 640


def test_who_buys_from_one_that_says_no_gets_nothing() -> None:
    desk = Desk()
    grant = desk.plan(RICH, POOR).grants[0]
    desk.controller.answered(grant, Consent("vetoed"), now=desk.now)
    assert held(desk.plan(RICH, POOR), "rich") == "room"


# -- what could not be done


@pytest.mark.parametrize(
    ("kind", "cycles"),
    [("infeasible", 2), ("forbidden", 2), ("unsupported", 2), ("failed", 1), ("conflict", 1)],
)
def test_what_could_not_be_done_is_waited_for_and_longer_each_time(kind: Kind, cycles: int) -> None:
    desk = Desk()
    for times in (1, 2, 4):
        grant = next(grant for grant in desk.plan(RICH, POOR).grants if grant.sells)
        desk.settled(grant, kind)
        waited = 0
        while held(desk.plan(RICH, POOR), "poor") == "backoff":
            waited += 1
        assert waited == cycles * times - 1
        desk.now -= CYCLE_S  # the plan that acts again is made anew above


def test_the_wait_has_an_end() -> None:
    desk = Desk(Config(backoff_most_cycles=3.0))
    for _ in range(50):
        desk.settled(replace(_sale(), subject=POOR), "infeasible")
    words = [held(desk.plan(RICH, POOR), "poor") for _ in range(4)]
    assert words == ["backoff", "backoff", "", ""]


def _sale() -> Grant:
    return Grant(subject=POOR, cpu_m=600, reason="")


def test_success_makes_the_next_wait_short_again() -> None:
    desk = Desk()
    for _ in range(4):
        desk.settled(_sale(), "infeasible")
    for _ in range(17):
        desk.plan(RICH, POOR)
    desk.settled(_sale(), "applied")
    smaller = resized(POOR, 600)
    desk.plan(RICH, smaller)
    desk.settled(replace(_sale(), subject=smaller, cpu_m=400), "infeasible")
    words = [held(desk.plan(RICH, smaller), "poor") for _ in range(2)]
    assert words[0] == "backoff"
    assert words[1] != "backoff"


# -- deferred


def deferred(cpu_m: int) -> Subject:
    return replace(resized(RICH, cpu_m), actual=RICH.spec, settled=False, deferred=True)


def test_an_increase_of_ours_that_is_deferred_is_taken_back_a_cycle_later() -> None:
    desk = Desk()
    buy = desk.plan(RICH, POOR).grants[1]
    desk.settled(buy)
    plan = desk.plan(deferred(1360), resized(POOR, 640))
    assert [(grant.subject.name, grant.cpu_m) for grant in plan.reverts] == [("rich", 1000)]
    desk.settled(plan.reverts[0])
    assert held(desk.plan(RICH, resized(POOR, 640)), "rich") == "backoff"


def test_one_that_could_not_be_taken_back_is_tried_again() -> None:
    desk = Desk()
    desk.settled(desk.plan(RICH, POOR).grants[1])
    plan = desk.plan(deferred(1360), resized(POOR, 640))
    desk.settled(plan.reverts[0], "failed")
    assert desk.plan(deferred(1360), resized(POOR, 640)).reverts == plan.reverts


def test_planning_twice_takes_back_twice() -> None:
    """A dry run decides and does nothing; the next one decides the same."""
    desk = Desk()
    desk.settled(desk.plan(RICH, POOR).grants[1])
    first = desk.plan(deferred(1360), resized(POOR, 640))
    assert desk.plan(deferred(1360), resized(POOR, 640)).reverts == first.reverts


@pytest.mark.parametrize("cpu_m", [1360, 1300])
def test_what_others_asked_for_is_not_taken_back(cpu_m: int) -> None:
    desk = Desk()
    grant = desk.plan(RICH, POOR).grants[1]
    if cpu_m != grant.cpu_m:
        desk.settled(grant)
    plan = desk.plan(deferred(cpu_m), resized(POOR, 640))
    assert (plan.reverts, held(plan, "rich")) == ((), "deferred")


# -- forgetting


def test_pods_that_left_are_forgotten() -> None:
    desk = Desk()
    for _ in range(6):
        desk.plan(RICH, POOR)
    for _ in range(6):
        desk.plan(POOR)
    assert len(desk.controller._records) == 1


def test_a_pod_missing_from_one_list_is_not() -> None:
    desk = Desk()
    grant = desk.plan(RICH, POOR).grants[0]
    desk.controller.answered(grant, Consent("vetoed"), now=desk.now)
    desk.plan(RICH)
    assert held(desk.plan(RICH, POOR), "poor") == "veto"


def test_a_node_is_listed_once() -> None:
    with pytest.raises(ValueError, match="node 'n' is given twice"):
        Desk().plan(RICH, nodes=[*NODES, *NODES])
