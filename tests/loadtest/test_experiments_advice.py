"""Advice on real processes: the verdicts on made-up requests, the liar's answers, and what sidecars make of them."""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from loadtest import processes
from loadtest.experiments import advice, catalog, gateways, liar, options, outage
from loadtest.experiments.advice import OFF, ON, Played
from loadtest.experiments.outage import Silence
from loadtest.load import Sample
from loadtest.mesh import addresses, admin
from sidecar.advice import messages

REPORT = {
    "services": [
        {
            "service": "bus-service.default:8080",
            "endpoints": [
                {"address": "10.0.0.2:8080", "latency_s": 0.2},
                {"address": "10.0.0.1:8080", "latency_s": 0.1},
                {"address": "10.0.0.3:8080", "latency_s": None},
            ],
        }
    ]
}


def samples(latency_ms: float, failing: int = 0) -> list[Sample]:
    return [Sample(n / 10, latency_ms, "503" if n < failing else "200", "") for n in range(200)]


def played(*means: float) -> list[Played]:
    return [
        Played(arm, samples(mean), 8, 1.0) for arm, mean in zip(advice.order(quick=False), means, strict=True)
    ]


# -- on and off


def test_arms_take_turns_and_off_closes_the_run() -> None:
    assert advice.order(quick=False) == [OFF, ON, ON, OFF, OFF, ON, OFF]
    assert advice.order(quick=True) == [OFF, ON, OFF]


def test_costs_are_compared_inside_a_repetition() -> None:
    result = advice.judged(played(100, 90, 80, 100, 100, 95, 101))
    assert result.held
    assert result.facts["on_over_off"] == pytest.approx([0.9, 0.8, 0.95])
    assert result.facts["again"] == pytest.approx(1.01)
    assert not advice.judged(played(100, 101, 110, 100, 100, 105, 100)).held


def test_a_failed_request_costs_its_client_s_patience_and_breaks_a_promise() -> None:
    failing = [Played(each.arm, samples(50, failing=each.arm == ON), 8, 1.0) for each in played(*[1] * 7)]
    result = advice.judged(failing)
    assert not result.held
    assert failing[1].mean_ms == pytest.approx((199 * 50 + 1000 * gateways.PATIENCE_S) / 200)


def test_advice_that_nobody_obeys_proves_nothing() -> None:
    deaf = [Played(each.arm, each.samples, 0, 1.0) for each in played(*[100] * 7)]
    assert not advice.judged(deaf).held


# -- silence and lies


def silence(killed_s: float | None = 6.5, failing: int = 0) -> Silence:
    return Silence(10.0, 6.0, 9.0, killed_s, samples(60, failing))


def lies(slowest: float = 100.0, herd: float = 100.0) -> list[tuple[str, Sequence[Sample]]]:
    tails = {"none": 100.0, "slowest": slowest, "herd": herd}
    return [(kind, samples(tails[kind])) for kind in outage.order(quick=True)]


def test_an_outage_nobody_notices_keeps_every_promise() -> None:
    assert outage.judged(silence(), lies(115, 110)).held


@pytest.mark.parametrize(
    ("silent", "told"),
    [
        (silence(killed_s=None), lies()),
        (silence(killed_s=9.0), lies()),
        (silence(failing=1), lies()),
        (silence(), lies(slowest=121)),
        (silence(), lies(herd=121)),
    ],
    ids=[
        "advice outlives its expiry for good",
        "for long",
        "a request fails",
        "the tail, slowest",
        "the tail, herd",
    ],
)
def test_each_promise_can_be_broken(silent: Silence, told: list[tuple[str, Sequence[Sample]]]) -> None:
    assert not outage.judged(silent, told).held


# -- the liar


@pytest.mark.parametrize("kind", ["slowest", "herd"])
def test_a_liar_s_answer_is_one_that_sidecars_accept(kind: str) -> None:
    answer = messages.read(liar.told(REPORT, kind, 3, 1_790_000_000.5))
    column = answer.columns(100.0)["bus-service.default:8080"]
    assert column.epoch == 3
    assert column.action(column.slot(100.0)) is not None


def test_a_liar_sends_everybody_to_the_slowest_or_round_in_a_herd() -> None:
    endpoints = REPORT["services"][0]["endpoints"]
    assert isinstance(endpoints, list)
    assert liar.actions(endpoints, "slowest", 7)[0] == {"10.0.0.2:8080": 1.0}
    herd = liar.actions(endpoints, "herd", 7)
    assert len({json.dumps(each) for each in herd[:3]}) == 3
    assert liar.told({"services": []}, "herd", 1, 0.0)["services"] == []


async def test_the_liar_is_a_server_that_ends_when_told(tmp_path: Path) -> None:
    net = addresses.Net()
    try:
        with processes.Children(tmp_path) as children:
            address = f"{net.prefix}.10:8080"
            argv = [sys.executable, "-m", "loadtest.experiments.liar", "--listen", address, "--kind", "herd"]
            child = children.start("liar", argv)
            await asyncio.to_thread(processes.await_http, address, child, host="liar", path="/readyz")
            body = await asyncio.to_thread(admin.ask, address, "POST", "/v1/advice", REPORT)
            assert messages.read(json.loads(body)).version == "lie.1"
            child.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(child.process.wait, 10) == 0
    finally:
        net.release()


# -- the command line


def test_both_are_in_the_catalogue_and_say_how_long_they_take() -> None:
    assert [each.NAME for each in catalog.named(["advice", "outage"])] == ["advice", "outage"]
    chosen = options.parse(["--only", "advice,outage", "--quick"])
    assert 60 < chosen.planned_s < 600
    assert "outage" in options.listing()


def test_load_is_of_what_the_pods_can_serve() -> None:
    whole = sum(gateways.SPEEDS) * gateways.WORKERS / (gateways.WORK_MS / 1000)
    assert gateways.rate_per_s() == pytest.approx(gateways.LOAD * whole)


def test_advice_is_found_in_what_a_sidecar_says() -> None:
    state = {"services": {"bus": {"routing": {"advice": {"obeys": True, "action": {"a": 1.0}}}}}}
    assert gateways.advice_of(state) == {"obeys": True, "action": {"a": 1.0}}
    assert gateways.advice_of({"services": {"bus": {"routing": {"advice": None}}}}) == {}
