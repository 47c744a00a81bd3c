"""From reports to columns: what is told to whom, why nothing is, and that following it helps."""

import dataclasses
import json

import numpy as np
import pytest

from coordinator.policy.advice import solving
from coordinator.policy.advice.adviser import Adviser, Full, work_out
from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.epoch import of_plain, plain
from coordinator.policy.advice.report import Report
from tests.coordinator.policy.reports import SERVICE, Pods, address, endpoint, report

WALL_S = 1_790_000_000.5


def advised(reports, now=0.0, config=None, adviser=None, seed=1):
    adviser = adviser or Adviser(config or AdviceConfig(least_samples=1))
    for each in reports:
        adviser.heard(each, now)
    return work_out(adviser.brief(now, WALL_S + now), np.random.default_rng(seed))


def simple(count=3, endpoints=3, **more):
    return [
        report(f"gw-{i}", [endpoint(k, 10.0, 0.01 * (k + 1), **more) for k in range(endpoints)])
        for i in range(count)
    ]


def test_every_sidecar_gets_a_share_vector_for_every_slot_of_the_columns_life():
    epoch = advised(simple())
    assert set(epoch.columns) == {"default/gw-0", "default/gw-1", "default/gw-2"}
    assert epoch.first_slot == 1_790_000_000
    assert epoch.expires_at == WALL_S + 20.0
    for column in epoch.columns.values():
        actions = column[SERVICE]
        assert (epoch.first_slot + len(actions)) * epoch.slot_ms / 1000 >= epoch.expires_at
        for action in actions:
            assert sum(action.values()) == pytest.approx(1.0, abs=1e-4)
            assert set(action) <= {address(k) for k in range(3)}


def test_a_column_is_ones_own_and_names_nobody():
    epoch = advised(simple())
    text = json.dumps(epoch.column("default/gw-0"))
    assert "gw-" not in text
    assert epoch.column("default/stranger") == {}


def test_the_same_reports_and_the_same_dice_make_the_same_epoch():
    one, two = advised(simple(6, 5)), advised(reversed(simple(6, 5)))
    assert dataclasses.asdict(one) == dataclasses.asdict(two)


def test_an_epoch_survives_being_written_down():
    epoch = advised(simple(6, 5))
    assert of_plain(json.loads(json.dumps(plain(epoch)))) == epoch


@pytest.mark.parametrize(
    "found", [{}, [], {"vectors": 1}, plain(advised(simple())) | {"columns": [["s", [99]]]}]
)
def test_what_is_no_epoch_is_a_value_error(found):
    with pytest.raises(ValueError, match="no epoch"):
        of_plain(found)


def test_the_gap_is_certified_and_within_what_sidecars_tolerate():
    solved = advised(simple(16, 8)).games[SERVICE]
    assert not solved.infeasible
    assert solved.players == 16
    assert solved.endpoints == 8
    assert 0 <= solved.gap <= AdviceConfig().slack + 1e-6
    assert solved.welfare_ratio >= 1 - 1e-9


@pytest.mark.parametrize("workers", [1.0, 8.0])
def test_following_it_costs_less_than_even_shares_and_comes_near_the_optimum(workers):
    speeds = [0.3, 0.6, 1.0, 1.0, 1.5] * 2
    capacity = sum(workers * speed / 0.01 for speed in speeds)
    pods = Pods([0.01 / speed for speed in speeds], workers, 16, 0.6 * capacity)
    pods.shares[:] = np.array(speeds) / sum(speeds)  # as good as a balancer that knows their speeds
    before = pods.mean_s
    adviser = Adviser(AdviceConfig(least_samples=1))
    for number in range(12):
        epoch = advised(pods.reports(), 10.0 * number, adviser=adviser)
        pods.follow(epoch.columns)
    assert pods.mean_s < 0.93 * before
    bound = Pods([0.01 / speed for speed in speeds], workers, 16, 0.6 * capacity)
    best = min(_optimum(bound), pods.mean_s)
    assert pods.mean_s < 1.05 * best


def _settled(sidecars=16):
    """Pods and an adviser whose advice has been followed until it changed no more."""
    speeds = [0.3, 0.6, 1.0, 1.0, 1.5] * 2
    pods = Pods(
        [0.01 / speed for speed in speeds], 4.0, sidecars, 0.6 * sum(4.0 * each / 0.01 for each in speeds)
    )
    adviser = Adviser(AdviceConfig(least_samples=1))
    for number in range(15):
        epoch = advised(pods.reports(), 10.0 * number, adviser=adviser)
        pods.follow(epoch.columns)
    return pods, adviser, epoch


def _actions(epoch):
    return {sidecar: column[SERVICE][0] for sidecar, column in epoch.columns.items()}


def test_advice_stays_as_it_is_while_that_is_about_as_good():
    pods, adviser, epoch = _settled()
    for number in range(4):  # a little more, a little less: other curves, another optimum, the same blocks
        following = advised(pods.reports(1.0 + 0.02 * (-1) ** number), 150.0 + 10.0 * number, adviser=adviser)
        same = [_actions(following)[sidecar] == action for sidecar, action in _actions(epoch).items()]
        assert sum(same) >= 0.75 * len(same), "sidecars lost what they had learnt to trust"
        assert following.games[SERVICE].gap <= AdviceConfig().slack + 1e-6
        epoch = following


def test_what_was_told_is_told_no_more_where_it_has_become_dear():
    pods, adviser, epoch = _settled()
    pods.service_s[4] *= 6.0  # the quickest pod has become slow
    for number in range(4):
        following = advised(pods.reports(), 150.0 + 10.0 * number, adviser=adviser)
        pods.follow(following.columns)
    load = lambda found: sum(action.get(address(4), 0.0) for action in _actions(found).values())  # noqa: E731
    assert load(following) < 0.7 * load(epoch)


def test_a_pod_that_has_gone_is_in_nobodys_advice():
    pods, adviser, epoch = _settled()
    assert any(address(4) in action for action in _actions(epoch).values())
    reports = [
        dataclasses.replace(
            each,
            services=tuple(
                dataclasses.replace(
                    service, endpoints=tuple(e for e in service.endpoints if e.address != address(4))
                )
                for service in each.services
            ),
        )
        for each in pods.reports()
    ]
    following = advised(reports, 150.0, adviser=adviser)
    assert following.columns
    assert not any(address(4) in action for action in _actions(following).values())


def _optimum(pods):
    """By moving a little load from where a request more costs most to where it costs least, until nothing is gained."""
    from coordinator.policy.advice import queueing

    loads = pods.loads.copy()
    step = loads.sum() * 1e-3
    cost = lambda load: load * queueing.latency(load, pods.service_s, pods.workers)  # noqa: E731
    for _ in range(4000):
        gain, loss = cost(loads) - cost(loads - step), cost(loads + step) - cost(loads)
        gain = np.where(loads >= step, gain, -np.inf)
        source, target = int(np.argmax(gain)), int(np.argmin(loss))
        if gain[source] <= loss[target]:
            break
        loads[source] -= step
        loads[target] += step
    return float(cost(loads).sum() / loads.sum())


# -- why there is none


@pytest.mark.parametrize(
    ("reports", "why"),
    [
        (simple(3, 1), "no choice"),
        (simple(3, 3, health="ejected"), "0 of 3 endpoints"),
        ([report("a", [endpoint(0, 1, None), endpoint(1, 1, None)])], "latency"),
        ([report("a", [endpoint(0, 0.0), endpoint(1, 0.0)])], "nobody sends"),
        ([report("a", [])], "0 of 0 endpoints"),
    ],
)
def test_no_advice_and_why(reports, why):
    epoch = advised(reports)
    assert epoch.columns == {}
    assert why in epoch.games[SERVICE].infeasible


def test_nobody_is_advised_on_a_first_impression():
    adviser = Adviser()
    assert "less than 2 epochs" in advised(simple(), 0.0, adviser=adviser).games[SERVICE].infeasible
    assert advised(simple(), 10.0, adviser=adviser).columns


def test_where_no_rung_is_obeyed_the_program_finds_a_mixture(monkeypatch):
    monkeypatch.setattr(solving, "_rung", lambda *_: None)
    solved = advised(simple(8, 5)).games[SERVICE]
    assert not solved.infeasible
    assert solved.gap <= AdviceConfig().slack + 1e-6


def test_what_a_player_does_by_itself_is_what_it_usually_does():
    past = Adviser()._past
    past.usual("s", "p", {"a": 0.5, "b": 0.5})
    assert past.usual("s", "p", {"a": 1.0, "b": 0.0})["a"] == pytest.approx(0.665)
    past.keep("s", [])
    assert past.usual("s", "p", {"a": 1.0, "b": 0.0})["a"] == 1.0


def test_after_a_bad_surprise_steps_are_shorter_and_then_whole_again():
    past = Adviser()._past
    assert past.surprised("s", 1.0, 1.2) == 1.0
    past.expected_s["s"] = 1.0
    assert [past.surprised("s", 1.3, 1.2) for _ in range(2)] == [0.5, 0.25]
    assert [past.surprised("s", 1.0, 1.2) for _ in range(7)][-1] == 1.0


def test_a_service_with_very_many_endpoints_is_left_alone():
    epoch = advised([report("a", [endpoint(k) for k in range(20)])], config=AdviceConfig(most_endpoints=19))
    assert "20 endpoints are more than 19" in epoch.games[SERVICE].infeasible


def test_a_defect_in_one_services_game_costs_that_service_only(monkeypatch):
    others = [
        report(f"o-{i}", [endpoint(0), endpoint(1, 10, 0.02)], service="other.default:80") for i in range(2)
    ]
    whole = solving._solved

    def broken(scene, *arguments):
        if scene.service == SERVICE:
            raise ZeroDivisionError("by design")
        return whole(scene, *arguments)

    monkeypatch.setattr(solving, "_solved", broken)
    epoch = advised([*simple(), *others])
    assert epoch.games[SERVICE].infeasible.startswith("defect: ZeroDivisionError")
    assert set(epoch.columns) == {"default/o-0", "default/o-1"}


def test_when_there_is_too_much_the_busiest_services_come_first():
    quiet = [report(f"q-{i}", [endpoint(0, 1), endpoint(1, 1)], service="quiet.default:80") for i in range(2)]
    epoch = advised([*quiet, *simple()], config=AdviceConfig(most_cells=3 * 16 * 3, least_samples=1))
    assert epoch.games[SERVICE].infeasible == ""
    assert "busiest" in epoch.games["quiet.default:80"].infeasible


# -- health, lies


def test_what_most_have_ejected_gets_no_share_even_from_the_others():
    reports = [
        report(f"gw-{i}", [endpoint(0), endpoint(1), endpoint(2, health="probing" if i else "admitted")])
        for i in range(4)
    ]
    epoch = advised(reports)
    assert all(address(2) not in action for column in epoch.columns.values() for action in column[SERVICE])


def test_nobody_is_sent_where_he_himself_does_not_go():
    mine = report("own", [endpoint(0), endpoint(1), endpoint(2, health="ejected")])
    epoch = advised([*simple(4), mine])
    assert all(address(2) not in action for action in epoch.columns["default/own"][SERVICE])


def test_invented_endpoints_are_nobodys_advice():
    liar = report("liar", [endpoint(k, 10, 1e-4) for k in range(9)])
    epoch = advised([*simple(5), liar])
    used = {name for column in epoch.columns.values() for action in column[SERVICE] for name in action}
    assert used <= {address(k) for k in range(3)}


def test_a_liar_hardly_changes_what_the_others_are_told():
    quick = [report(f"gw-{i}", [endpoint(k, 10, 0.01) for k in range(4)]) for i in range(8)]
    liar = report("liar", [endpoint(0, 10, 0.0001), *(endpoint(k, 10, 3000.0) for k in range(1, 4))])
    alone, lied = advised(quick), advised([*quick, liar])
    for told in (alone, lied):
        total = np.zeros(4)
        for each in quick:
            for action in told.columns[each.sidecar][SERVICE]:
                total += [action.get(address(k), 0.0) for k in range(4)]
        assert total / total.sum() == pytest.approx(0.25, abs=0.05)


def test_a_new_endpoint_gets_a_cautious_share():
    reports = [
        report(f"gw-{i}", [*(endpoint(k, 20, 0.01) for k in range(4)), endpoint(4, 0, None)])
        for i in range(8)
    ]
    epoch = advised(reports)
    shares = [action.get(address(4), 0.0) for column in epoch.columns.values() for action in column[SERVICE]]
    assert 0.0 <= np.mean(shares) <= 0.25


# -- memory


def test_a_sidecar_that_falls_silent_is_forgotten_after_three_epochs():
    adviser = Adviser()
    for each in simple():
        adviser.heard(each, 0.0)
    adviser.heard(simple()[0], 25.0)
    adviser.forget(29.0)
    assert len(adviser.reports) == 3
    adviser.forget(31.0)
    assert set(adviser.reports) == {"default/gw-0"}
    assert adviser.size == 3


def test_what_is_remembered_is_bounded_and_says_so():
    adviser = Adviser(AdviceConfig(most_sidecars=2, most_reported=10))
    adviser.heard(simple()[0], 0.0)
    with pytest.raises(Full, match="10 endpoints"):
        adviser.heard(report("big", [endpoint(k) for k in range(8)]), 0.0)
    adviser.heard(simple()[1], 0.0)
    with pytest.raises(Full, match="2 sidecars"):
        adviser.heard(simple()[2], 0.0)
    adviser.heard(simple()[0], 1.0)
    assert adviser.size == 6


def test_a_brief_is_a_copy():
    adviser = Adviser()
    adviser.heard(simple()[0], 0.0)
    brief = adviser.brief(0.0, WALL_S)
    adviser.heard(simple()[1], 0.0)
    assert len(brief.reports) == 1


def of_two_services(count=3):
    """The second is the busier one."""
    return [
        Report(
            namespace="default",
            workload="default/gateway",
            pod=f"gw-{i}",
            services=tuple(
                dataclasses.replace(
                    report("x", [endpoint(k, rate, 0.01 * (k + 1)) for k in range(3)]).services[0],
                    service=service,
                )
                for service, rate in (("a.default:80", 5.0), ("b.default:80", 50.0))
            ),
        )
        for i in range(count)
    ]


def briefed(adviser, reports, now, left_s):
    for each in reports:
        adviser.heard(each, now)
    return work_out(adviser.brief(now, WALL_S + now, left_s), np.random.default_rng(1))


def test_where_time_is_out_the_busiest_services_have_been_worked_out_and_the_others_say_so():
    left_s = iter([9.0, 0.0])
    epoch = briefed(Adviser(AdviceConfig(least_samples=1)), of_two_services(), 0.0, lambda: next(left_s))
    assert {name: solved.late for name, solved in epoch.games.items()} == {
        "a.default:80": True,
        "b.default:80": False,
    }
    assert epoch.games["a.default:80"].infeasible.startswith("out of time: ")
    assert set(epoch.column("default/gw-0")) == {"b.default:80"}


def test_of_a_service_without_time_the_last_column_stays_until_it_expires():
    adviser = Adviser(AdviceConfig(least_samples=1))
    first = briefed(adviser, of_two_services(), 0.0, lambda: 9.0)
    left_s = iter([9.0, 0.0])
    second = briefed(adviser, of_two_services(), 10.0, lambda: next(left_s)).after(first)
    told = second.told("default/gw-0", WALL_S + 10.0)
    assert {name: counted.number for name, (counted, _) in told.items()} == {
        "a.default:80": 1,
        "b.default:80": 2,
    }
    assert told["a.default:80"][1] == first.column("default/gw-0")["a.default:80"]
    assert set(second.told("default/gw-0", first.expires_at)) == {"b.default:80"}
    assert second.told("default/gw-0", second.expires_at) == {}
    assert of_plain(json.loads(json.dumps(plain(second)))) == second
    assert briefed(adviser, of_two_services(), 20.0, lambda: 9.0).after(second).before is None


def test_a_linear_program_that_takes_longer_than_is_left_is_ended(monkeypatch):
    monkeypatch.setattr(solving, "_rung", lambda *_: None)  # none is obeyed: a mixture is needed
    left_s = iter([float("inf"), 1e-9])
    reports = simple(8, 6)
    for late in (False, True):
        epoch = briefed(Adviser(AdviceConfig(least_samples=1)), reports, 0.0, lambda: next(left_s))
        solved = epoch.games[SERVICE]
        assert solved.late is late, solved.infeasible
        assert bool(epoch.columns) is not late
    assert "rows of" in solved.infeasible


def test_what_was_said_of_a_service_is_let_go_once_it_is_worked_out():
    adviser = Adviser(AdviceConfig(least_samples=1))
    for each in of_two_services():
        adviser.heard(each, 0.0)
    brief = adviser.brief(0.0, WALL_S)
    work_out(brief, np.random.default_rng(1))
    assert brief.reports == []
    assert len(adviser.reports) == 3


def test_sidecars_that_play_together_and_may_use_the_same_share_one_column():
    epoch = advised(simple(5), config=AdviceConfig(least_samples=1, most_players=2))
    columns = {id(services[SERVICE]) for services in epoch.columns.values()}
    assert (len(epoch.columns), len(columns)) == (5, 1)


def test_numbers_count_up():
    adviser = Adviser()
    assert [advised(simple(), at, adviser=adviser).number for at in (0.0, 10.0)] == [1, 2]


def test_configuration_names_all_its_mistakes():
    with pytest.raises(ValueError, match=r"epoch_s 0.*slot_ms 999.*trim 0\.5"):
        AdviceConfig(epoch_s=0, slot_ms=999, trim=0.5)


def test_hundreds_of_services_of_nobody_are_not_all_told_of():
    made = [report(f"p{j}", [endpoint(0)], service=f"s{j}.default:80") for j in range(300)]
    assert len(advised(made).games) == 256


@pytest.mark.parametrize("said", [0.0, 1e-300, 1e-6, 1e5])
def test_what_is_said_of_the_whole_cannot_contradict_its_parts(said):
    """The rate of a service is the sum of what goes to its endpoints, whatever is said of it beside."""
    usual = advised(simple(5))
    liar = dataclasses.replace(simple(5)[0].services[0], rate_per_s=said)
    lied = advised([dataclasses.replace(simple(5)[0], services=(liar,)), *simple(5)[1:]])
    assert lied.games[SERVICE] == usual.games[SERVICE]
    assert lied.columns == usual.columns


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("latency", [5e-324, 1e-300, 1e-9, 3600.0])
@pytest.mark.parametrize("rate", [1e-300, 0.2, 3e4])
def test_absurd_figures_are_calculated_with_and_cost_nobody_the_epoch(latency, rate):
    adviser = Adviser(AdviceConfig(least_samples=1))
    odd = [report(f"odd-{i}", [endpoint(k, rate, latency) for k in range(3)]) for i in range(3)]
    usual = [report(f"b-{i}", [endpoint(k) for k in range(3)], service="tram.default:80") for i in range(3)]
    with np.errstate(all="raise", under="ignore"):
        for now in (0.0, 10.0, 20.0):
            epoch = advised([*odd, *usual], now, adviser=adviser)
    assert "defect" not in epoch.games[SERVICE].infeasible
    assert not epoch.games["tram.default:80"].infeasible


def test_curves_that_fail_cost_that_service_only(monkeypatch):
    def broken(scene, *rest):
        if scene.service == SERVICE:
            raise FloatingPointError
        return curves(scene, *rest)

    curves = solving.curves.of
    monkeypatch.setattr(solving.curves, "of", broken)
    usual = [report(f"b-{i}", [endpoint(k) for k in range(3)], service="tram.default:80") for i in range(3)]
    epoch = advised([*simple(), *usual])
    assert "defect" in epoch.games[SERVICE].infeasible
    assert set(epoch.columns) == {each.sidecar for each in usual}
