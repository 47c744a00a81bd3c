"""From samples to curves: the queue they come from, the low prior where they say little, lies trimmed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.policy.advice import curves, queueing, scene
from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.past import Past
from coordinator.policy.advice.scene import trimmed
from sidecar.game.potential import Curve
from tests.coordinator.policy.reports import SERVICE, Pods, address, endpoint, report

CONFIG = AdviceConfig()


def seen(reports, config=CONFIG):
    return scene.seen(SERVICE, [(each, each.services[0]) for each in reports], config)


def learned(pods, scales, config=CONFIG):
    """Curves after one sample for each scale of the load, ten seconds apart."""
    past = Past(config.half_life_s)
    for number, scale in enumerate(scales):
        found = seen(pods.reports(scale), config)
        past.add(SERVICE, found.arrivals, 10.0 * number)
    now = 10.0 * (len(scales) - 1)
    return curves.of(found, past, [0.0] * len(found.endpoints), config, now), past


@given(st.floats(0.0, 0.99), st.floats(1e-4, 10.0), st.sampled_from([1.0, 2.0, 4.0, 8.0, 16.0]))
def test_the_queue_rises_with_load_and_its_inverse_undoes_it(use, service_s, workers):
    load = use * workers / service_s
    seconds = queueing.latency(load, service_s, workers)
    assert seconds >= service_s * (1 - 1e-12)
    assert queueing.latency(load * 1.01, service_s, workers) >= seconds
    assert queueing.service(load, seconds, workers) == pytest.approx(service_s, rel=1e-6)


@given(st.floats(0.0, 0.96), st.floats(1e-3, 1.0))
def test_one_worker_is_exactly_m_m_1(use, service_s):
    assert queueing.latency(use / service_s, service_s, 1.0) == pytest.approx(service_s / (1 - use))


def test_several_workers_are_near_erlang_c():
    for use in (0.3, 0.65, 0.8, 0.95):
        blocked = 1.0
        for i in range(1, 9):  # Erlang's B by recursion, C from it
            blocked = use * 8 * blocked / (i + use * 8 * blocked)
        exact = 1 + blocked / (1 - use + use * blocked) / (8 * (1 - use))
        assert queueing.latency(use * 8 / 0.01, 0.01, 8.0) / 0.01 == pytest.approx(exact, rel=0.03)


def test_where_loads_varied_the_number_of_workers_is_learned():
    pods = Pods([0.01, 0.015, 0.03], 8.0, 4, 1000.0)
    found, past = learned(pods, [0.5, 0.8, 1.0, 1.1, 0.7])
    assert past.workers[SERVICE] == 8.0
    assert [curve.service_s for curve in found] == pytest.approx([0.01, 0.015, 0.03], rel=0.01)


def test_no_pod_is_bottomless_whatever_the_samples_say():
    # a first report of half the rate at the same latency: as if twice the load were nothing
    pods = Pods([0.01, 0.015, 0.03], 8.0, 4, 1000.0)
    past = Past(60.0)
    for at, factor in ((0.0, 0.5), (10.0, 1.0), (20.0, 1.0)):
        found = seen(pods.reports())
        halved = {
            name: replace(one, load_per_s=one.load_per_s * factor) for name, one in found.arrivals.items()
        }
        past.add(SERVICE, halved, at)
    curves.of(found, past, [0.0] * 3, CONFIG, 20.0)
    assert past.workers[SERVICE] <= 1.25 * float((pods.loads * pods.latencies).max())


def test_where_they_did_not_the_prior_counts():
    pods = Pods([0.01, 0.015, 0.03], 8.0, 4, 500.0)
    found, past = learned(pods, [1.0, 1.0, 1.0])
    assert past.workers[SERVICE] == CONFIG.workers
    for k, curve in enumerate(found):
        assert float(curve.at(pods.loads[k])) == pytest.approx(pods.latencies[k], rel=1e-6)


def test_old_samples_give_way():
    pods = Pods([0.01, 0.01], 4.0, 4, 200.0)
    past = Past(60.0)
    past.add(SERVICE, seen(pods.reports()).arrivals, 0.0)
    pods.service_s = np.array([0.05, 0.01])
    for at in range(300, 360, 10):
        found = seen(pods.reports())
        past.add(SERVICE, found.arrivals, float(at))
    slow, _ = curves.of(found, past, [0.0, 0.0], CONFIG, 350.0)
    assert float(slow.at(pods.loads[0])) == pytest.approx(pods.latencies[0], rel=0.25)


def test_an_endpoint_nobody_measured_is_idle_as_slow_as_the_median_is_now():
    reports = [
        report(
            f"gw-{i}",
            [endpoint(0, 10, 0.01), endpoint(1, 10, 0.02), endpoint(2, 10, 0.03), endpoint(3, 0, None)],
        )
        for i in range(4)
    ]
    found = seen(reports)
    past = Past(60.0)
    past.add(SERVICE, found.arrivals, 0.0)
    assert float(curves.of(found, past, [0.0] * 4, CONFIG, 0.0)[3].at(0.0)) == pytest.approx(0.02, rel=1e-6)


def test_nobody_has_measured_anything():
    found = seen([report("gw-0", [endpoint(0, 1, None), endpoint(1, 1, None)])])
    assert curves.of(found, Past(60.0), [0.0, 0.0], CONFIG, 0.0) == []


def test_lines_are_non_negative_whatever_the_samples():
    config = AdviceConfig(shape="line")
    found, _ = learned(Pods([0.01, 0.03], 2.0, 3, 120.0), [0.5, 1.0, 0.8], config)
    assert all(isinstance(curve, Curve) and curve.base_s >= 0 and curve.slope_s >= 0 for curve in found)


def test_what_is_forgotten_is_forgotten():
    past = Past(60.0)
    past.add(SERVICE, seen(Pods([0.01, 0.01], 4.0, 2, 10.0).reports()).arrivals, 0.0)
    past.forget(100.0)
    assert len(past) == 2
    past.forget(1000.0)
    assert len(past) == 0


# -- lies


def honest(count, latency=0.01):
    return [report(f"gw-{i}", [endpoint(0, 10, latency), endpoint(1, 10, latency)]) for i in range(count)]


@pytest.mark.parametrize("lie", [0.0, 3600.0])
@pytest.mark.parametrize("rate", [0.2, 10.0, 50_000.0])
def test_one_of_many_cannot_move_the_latency_whatever_he_says_of_his_rate(lie, rate):
    liar = report("liar", [endpoint(0, rate, lie), endpoint(1, rate, 0.01)])
    found = seen([*honest(7), liar])
    assert found.arrivals[address(0)].latency_s == pytest.approx(0.01)


def test_one_of_three_does_not_move_it_beyond_the_others():
    found = seen(
        [*honest(1, 0.01), report("b", [endpoint(0, 10, 0.02)]), report("liar", [endpoint(0, 10, 900)])]
    )
    assert 0.01 <= found.arrivals[address(0)].latency_s <= 500
    quiet = seen([*honest(3, 0.01), report("liar", [endpoint(0, 10, 900)])])
    assert quiet.arrivals[address(0)].latency_s == pytest.approx(0.01)


def test_a_rate_out_of_all_proportion_counts_for_less():
    liar = report("liar", [endpoint(0, 100_000, 0.01)])
    found = seen([*honest(9), liar])
    assert found.arrivals[address(0)].load_per_s <= 90 + CONFIG.lead * 20


def test_an_endpoint_only_one_of_many_knows_is_nobodys_advice():
    found = seen([*honest(5), report("liar", [endpoint(k, 10, 0.001) for k in range(3, 9)])])
    assert set(found.endpoints) == {address(0), address(1)}


def test_what_most_have_ejected_is_not_advised():
    reports = [
        report(f"gw-{i}", [endpoint(0), endpoint(1), endpoint(2, health="ejected" if i < 3 else "admitted")])
        for i in range(5)
    ]
    assert set(seen(reports).endpoints) == {address(0), address(1)}
    assert len(seen(reports[2:]).endpoints) == 3


@given(st.lists(st.tuples(st.floats(1e-4, 10.0), st.floats(0.0, 100.0)), min_size=1, max_size=12))
def test_the_trimmed_mean_lies_between_the_extremes(samples):
    found = trimmed(samples, 0.25)
    values = [value for value, _ in samples]
    assert min(values) - 1e-12 <= found <= max(values) + 1e-12


def test_without_samples_there_is_no_mean():
    assert trimmed([], 0.25) is None
