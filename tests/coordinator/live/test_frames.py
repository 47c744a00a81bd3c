"""Reports, advice and cycles as the live page gets them."""

import dataclasses

from coordinator.live import market, routing
from coordinator.live.happenings import Happenings
from coordinator.policy.advice.epoch import Epoch, Solved
from coordinator.policy.advice.report import (
    EndpointReport,
    Report,
    ReportedEvent,
    Reputation,
    ServiceReport,
)

BUS = "bus.default:80"
A, B = "10.0.0.1:80", "10.0.0.2:80"
NOW_S = 1000.0


def report(pod: str = "gateway-0", **of_the_service: object) -> Report:
    endpoints = (
        EndpointReport(address=A, name="bus-0", share=0.75, regret=0.01, health="admitted", latency_s=0.01),
        EndpointReport(address=B, share=0.25, regret=0.2, health="ejected"),
    )
    fields = {"rate_per_s": 10.0, "gap": 0.2, "nash": 0.0, "obeys": True, "conditional_regret": 0.01}
    service = ServiceReport(service=BUS, endpoints=endpoints, **fields | of_the_service)  # type: ignore[arg-type]
    return Report(namespace="default", workload="default/gateway", pod=pod, node="n1", services=(service,))


def epoch(**fields: object) -> Epoch:
    actions = ({A: 1.0}, {B: 1.0})
    made = {
        "number": 7,
        "first_slot": 1000,
        "slot_ms": 1000,
        "columns": {"default/gateway-0": {BUS: actions}},
    }
    return Epoch(**made | fields)  # type: ignore[arg-type]


def drawn(said: Report, *, age_s: float = 0.0, **more: object) -> routing.Picture:
    told = more.get("epoch")
    wall_s = more.get("wall_s", NOW_S)
    assert isinstance(told, Epoch | None)
    assert isinstance(wall_s, float)
    return routing.picture({said.sidecar: said}, {said.sidecar: age_s}, told, wall_s)


def test_a_report_becomes_a_row_of_what_it_says() -> None:
    service = drawn(report()).services[BUS]
    assert service.endpoints == {A: "bus-0", B: B}, "without a name the address is one"
    row = service.rows["default/gateway-0"]
    assert (row.node, row.gap, row.nash, row.silent_s) == ("n1", 0.2, 0, None)
    assert (row.cells[A].share, row.cells[B].health) == (0.75, "ejected")


def test_who_has_no_advice_neither_obeys_nor_disobeys_it() -> None:
    row = drawn(report()).services[BUS].rows["default/gateway-0"]
    assert (row.obeys, row.conditional_regret, row.cells[A].advised) == (None, None, None)


def test_the_advice_shown_is_that_of_the_slot() -> None:
    for wall_s, advised in ((1000.0, (1.0, 0.0)), (1001.9, (0.0, 1.0)), (1002.0, (None, None))):
        row = drawn(report(), epoch=epoch(), wall_s=wall_s).services[BUS].rows["default/gateway-0"]
        assert (row.cells[A].advised, row.cells[B].advised) == advised
        assert row.obeys is (True if advised[0] is not None else None)


def test_advice_that_has_expired_is_none() -> None:
    row = (
        drawn(report(), epoch=epoch(expires_at=1000.5), wall_s=1001.0).services[BUS].rows["default/gateway-0"]
    )
    assert row.cells[A].advised is None


def test_what_was_solved_is_shown_relative_to_the_cost_and_so_is_why_it_was_not() -> None:
    solved = Solved(gap_s=0.001, mean_cost_s=0.02, welfare_ratio=1.1, players=3)
    advice = drawn(report(), epoch=epoch(games={BUS: solved})).services[BUS].advice
    assert advice is not None
    assert (advice.epoch, advice.gap, advice.welfare_ratio) == (7, 0.05, 1.1)
    advice = drawn(report(), epoch=epoch(games={BUS: Solved(infeasible="one pod")})).services[BUS].advice
    assert advice is not None
    assert (advice.infeasible, advice.gap) == ("one pod", None)


def test_a_sidecar_that_says_nothing_any_more_is_shown_as_silent() -> None:
    assert drawn(report(), age_s=40.0).services[BUS].rows["default/gateway-0"].silent_s == 40.0


def test_of_too_many_rows_the_busiest_are_shown_and_the_rest_is_counted() -> None:
    reports = {each.sidecar: each for each in (report(f"p-{n}", rate_per_s=float(n)) for n in range(10))}
    found = routing.picture(reports, {}, None, NOW_S, most=6)
    assert set(found.services[BUS].rows) == {"default/p-9", "default/p-8", "default/p-7"}
    assert found.left_out == 7


def test_reputations_are_by_who_judges_and_who_is_judged() -> None:
    said = dataclasses.replace(report(), reputations=(Reputation(caller="shop/x", score=0.2, punished=True),))
    (standing,) = routing.reputations({said.sidecar: said}).values()
    assert (standing.target, standing.caller, standing.punished) == ("default/gateway-0", "shop/x", True)


# -- what happened


def happened(*said: Report) -> list[tuple[str, str]]:
    seen = Happenings()
    for each in said:
        seen.reported({each.sidecar: each}, NOW_S)
    return [(event.kind, event.text) for event in seen.log.events.values()]


def healthy(said: Report) -> Report:
    (service,) = said.services
    endpoints = tuple(dataclasses.replace(each, health="admitted") for each in service.endpoints)
    return dataclasses.replace(said, services=(dataclasses.replace(service, endpoints=endpoints),))


def test_the_first_report_is_no_news() -> None:
    assert happened(report()) == []


def test_an_ejection_and_its_end_are_news() -> None:
    kinds = happened(healthy(report()), report(), healthy(report()))
    assert [kind for kind, _ in kinds] == ["ejected", "readmitted"]
    assert kinds[0][1] == f"{B} of {BUS} is ejected"


def test_an_event_that_is_reported_time_and_again_is_told_once() -> None:
    squeezed = ReportedEvent(kind="MEM_PRESSURE", at=5.0, detail="0.9 of 64 MiB")
    once = dataclasses.replace(report(), events=(squeezed,))
    again = dataclasses.replace(report(), events=(squeezed,), wait_s=1.0)
    assert happened(report(), once, again) == [("MEM_PRESSURE", "0.9 of 64 MiB")]


def test_disobedience_says_what_would_be_gained_by_it() -> None:
    news = happened(report(), report(obeys=False, conditional_regret=0.12))
    assert news == [("disobeys", f"advice for {BUS} is not followed: it would gain 12% by its own mix")]


def test_a_punishment_is_news_when_it_begins() -> None:
    low = Reputation(caller="shop/x", score=0.2, punished=True)
    punishing = dataclasses.replace(report(), reputations=(low,))
    still = dataclasses.replace(punishing, wait_s=2.0)
    assert [kind for kind, _ in happened(report(), punishing, still)] == ["punished"]


# -- the market

POD = {
    "pod": "shop/a",
    "node": "n1",
    "container": "app",
    "budget": 2.0,
    "floor_m": 100,
    "cap_m": 900,
    "cpu_m": 200,
    "observation": {"demand": 0.9, "source": "sidecar", "usage_m": 190.0, "throttled": 0.1},
    "bid": 1.8,
    "market": {"cpu_m": 253},
    "grant": {"cpu_m": 250, "reason": "demand 0.90 × budget 2"},
    "held": None,
}
NODE = {"capacity_m": 1900, "price": 0.002, "infeasible": False, "idle": False, "left_m": 0}
TOLD = {
    "cycle": 3,
    "idle": "",
    "seconds": {"cycle": 0.2},
    "pods": [POD],
    "skipped": [{"key": "shop/s", "reason": "no-limit", "detail": "there is none"}],
    "stood_down": [{"pod": "shop/v", "reason": "vpa", "detail": ""}],
    "nodes": {"n1": NODE},
    "potential": -3.0,
    "fairness": 1.0,
    "negotiated": [],
    "outcomes": [],
    "failures": [],
}


def sold(**changes: object) -> market.frame.Pod:
    return market.of(TOLD | changes, NOW_S).nodes["n1"].pods["shop/a"]


def test_a_pod_shows_what_it_has_gets_and_why() -> None:
    pod = sold()
    assert (pod.has_m, pod.gets_m, pod.verdict, pod.why) == (200, 250, "grant", "demand 0.90 × budget 2")
    assert (pod.demand, pod.demand_from, pod.usage_m, pod.bid) == (0.9, "sidecar", 190.0, 1.8)


def test_what_became_of_a_grant_is_the_last_word() -> None:
    outcome = {"pod": "shop/a", "cpu_m": 250, "kind": "deferred", "reason": "full", "message": "no room yet"}
    assert (sold(outcomes=[outcome]).verdict, sold(outcomes=[outcome]).why) == ("deferred", "no room yet")
    done = outcome | {"kind": "applied", "message": "resized"}
    assert (sold(outcomes=[done]).verdict, sold(outcomes=[done]).why) == ("applied", "demand 0.90 × budget 2")


def test_a_veto_and_a_hold_say_their_reasons() -> None:
    veto = {"pod": "shop/a", "answer": "vetoed", "reason": "needs 96 MiB"}
    assert (sold(negotiated=[veto]).verdict, sold(negotiated=[veto]).why) == ("vetoed", "needs 96 MiB")
    held = POD | {"grant": None, "held": {"reason": "cooldown", "detail": "12 s left"}}
    pod = sold(pods=[held])
    assert (pod.verdict, pod.why, pod.gets_m) == ("held", "cooldown: 12 s left", 253)


def test_pods_outside_the_market_are_shown_with_the_reason() -> None:
    outside = market.of(TOLD, NOW_S).nodes[market.ELSEWHERE].pods
    assert {name: pod.why for name, pod in outside.items()} == {
        "shop/v": "vpa",
        "shop/s": "no-limit: there is none",
    }


def test_an_infinite_price_is_said_in_words() -> None:
    scarce = market.of(TOLD | {"nodes": {"n1": NODE | {"price": float("inf")}}}, NOW_S).nodes["n1"]
    assert (scarce.price, scarce.scarce) == (None, True)


def test_a_node_that_was_not_decided_on_still_shows_its_pods() -> None:
    undecided = {name: value for name, value in POD.items() if name not in ("bid", "market", "grant", "held")}
    node = market.of(TOLD | {"nodes": {}, "pods": [undecided]}, NOW_S).nodes["n1"]
    assert node.pods["shop/a"].verdict == "as it is"
    assert node.capacity_m is None


def test_a_resize_is_news_with_both_amounts_and_the_reason() -> None:
    seen = Happenings()
    outcome = {"pod": "shop/a", "cpu_m": 250, "kind": "applied", "reason": "", "message": ""}
    seen.cycled(TOLD | {"outcomes": [outcome], "failures": ["defect"]}, NOW_S)
    found = [(event.kind, event.text, event.tone) for event in seen.log.events.values()]
    assert found == [
        ("applied", "shop/a: 200m → 250m, demand 0.90 × budget 2", "good"),
        ("failure", "defect", "bad"),
    ]


def test_of_too_many_standings_the_punished_and_the_worst_are_shown() -> None:
    many = tuple(Reputation(caller=f"default/c{n}", score=0.5) for n in range(250))
    reports = {f"default/p{n}": dataclasses.replace(report(f"p{n}"), reputations=many) for n in range(4)}
    bad = Reputation(caller="default/bad", score=0.9, punished=True)
    low = Reputation(caller="default/low", score=0.1)
    reports["default/p9"] = dataclasses.replace(report("p9"), reputations=(*many, low, bad))
    shown = routing.reputations(reports)
    assert len(shown) == routing.MOST_STANDINGS
    assert [each.caller for each in shown.values()][:2] == ["default/bad", "default/low"]
