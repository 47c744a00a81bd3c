"""/metrics as Prometheus reads it: names, bounds, and numbers that are those of the traffic."""

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from sidecar import clock
from sidecar.exposition import Registry
from sidecar.metrics import MOST_ENDPOINTS, SidecarCollector
from tests.program.process import Program, discovery, program, service
from tests.program.wire import Scrape, ask, client, pods, request, scrape, until
from tests.proxy.pods import Path as DataPath
from tests.proxy.pods import answer_ok, hang, path, reset, status

NAMES = [
    "equilibrium_request_count",
    "equilibrium_request_latency_bucket",
    "equilibrium_request_latency_sum",
    "equilibrium_request_latency_count",
    "equilibrium_routing_probability",
    "equilibrium_endpoint_health",
    "equilibrium_proxy_overhead_seconds_bucket",
    "equilibrium_proxy_overhead_seconds_sum",
    "equilibrium_proxy_overhead_seconds_count",
    "equilibrium_policy_failures_total",
    "equilibrium_events_total",
    "equilibrium_capacity_utilisation",
    "equilibrium_headroom",
    "equilibrium_queue_fill",
    "equilibrium_red_drop_probability",
    "equilibrium_auction_price",
    "equilibrium_exploitability",
    "equilibrium_defense_probability",
    "equilibrium_drops_total",
    "equilibrium_degradation_scale",
    "equilibrium_degradation_state",
    "equilibrium_degradation_transitions_total",
    "mbcas_demand_intensity",
    "equilibrium_requests_total",
    "equilibrium_responses_total",
    "equilibrium_connections",
    "equilibrium_in_flight",
    "equilibrium_retries_total",
    "equilibrium_upstream_connections",
]
"""Of wire.md what this version has, and what dashboards of this repository read."""

LABELS = {
    "equilibrium_request_count": {"action", "service", "outcome"},
    "equilibrium_request_latency_count": {"action", "service"},
    "equilibrium_request_latency_bucket": {"action", "service", "le"},
    "equilibrium_routing_probability": {"action", "service"},
    "equilibrium_endpoint_health": {"action", "service", "state"},
    "equilibrium_policy_failures_total": set(),
    "equilibrium_events_total": {"kind"},
    "equilibrium_capacity_utilisation": set(),
    "equilibrium_headroom": set(),
    "equilibrium_drops_total": {"cause"},
    "equilibrium_defense_probability": {"measure"},
    "mbcas_demand_intensity": {"namespace", "pod", "container"},
}
PER_ENDPOINT = [
    "equilibrium_request_count",
    "equilibrium_request_latency_count",
    "equilibrium_routing_probability",
    "equilibrium_endpoint_health",
]


async def send(sidecar: Program, requests: Iterable[bytes]) -> list[int]:
    """One after the other on one connection; the statuses."""
    async with client(sidecar.outbound) as made:
        return [(await made.ask(raw)).status for raw in requests]


async def settled(sidecar: Program) -> Scrape:
    """A scrape once nothing is under way."""

    async def quiet() -> bool:
        return (await scrape(sidecar.admin)).total("equilibrium_in_flight") == 0

    await until(quiet, "equilibrium_in_flight returns to 0 when nothing is under way")
    return await scrape(sidecar.admin)


# -- names


async def test_every_name_is_there_exactly_as_promised(tmp_path: Path) -> None:
    async with pods(answer_ok) as (pod,), program(tmp_path, discovery(pod.address)) as sidecar:
        await send(sidecar, [request("/x")])
        metrics = await settled(sidecar)
        assert set(NAMES) <= metrics.names, f"missing: {sorted(set(NAMES) - metrics.names)}"
        for name, labels in LABELS.items():
            for row, _ in metrics.rows(name):
                assert set(row) == labels, f"labels of {name}"


async def test_nothing_is_exposed_under_a_name_nobody_chose(tmp_path: Path) -> None:
    async with pods(answer_ok) as (pod,), program(tmp_path, discovery(pod.address)) as sidecar:
        await send(sidecar, [request("/x")])
        metrics = await scrape(sidecar.admin)
        strange = {name for name in metrics.names if not name.startswith(("equilibrium_", "mbcas_"))}
        assert not strange, "only our own"
        assert "equilibrium_request_count_total" not in metrics.names, "the seeds' dashboards have it without"
        assert not [name for name in metrics.names if name.endswith("_created")]


async def test_the_endpoint_is_called_by_its_name_or_else_its_address(tmp_path: Path) -> None:
    async with pods(answer_ok, answer_ok) as (named, nameless):
        endpoints = [{"address": named.address, "name": "bus-a"}, nameless.address]
        document = {"services": [{"host": "bus-service", "port": 8080, "endpoints": endpoints}]}
        async with program(tmp_path, document, STRATEGY="none") as sidecar:
            await send(sidecar, [request("/x")] * 2)
            metrics = await settled(sidecar)
            for name in PER_ENDPOINT:
                assert metrics.values(name, "action") == {"bus-a", nameless.address}, name


async def test_it_says_which_text_format_it_is(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        answer = await ask(sidecar.admin, request("/metrics"))
        assert (answer.field(b"Content-Type") or b"").startswith(b"text/plain")
        assert answer.body.endswith(b"\n")


# -- numbers


async def test_counts_are_those_of_what_was_sent(tmp_path: Path) -> None:
    async with (
        pods(answer_ok, status(b"500 Oops"), hang) as (good, bad, hung),
        program(
            tmp_path,
            {
                "services": [
                    service(good.address, host="good"),
                    service(bad.address, host="bad"),
                    service(hung.address, host="hung"),
                ]
            },
        ) as sidecar,
    ):
        await send(sidecar, [request("/x", host="good")] * 7)
        await send(sidecar, [request("/x", host="bad")] * 3)
        await send(sidecar, [request("/x", host="nobody")] * 2)
        async with client(sidecar.outbound) as leaving:
            leaving.writer.write(request("/x", host="hung"))
            await asyncio.wait_for(hung.asked.wait(), 10)
        metrics = await settled(sidecar)

        def outcomes(name: str) -> dict[str, float]:
            return {row["outcome"]: n for row, n in metrics.rows("equilibrium_request_count", service=name)}

        assert outcomes("good") == {"succeeded": 7, "failed": 0, "abandoned": 0}
        assert outcomes("bad") == {"succeeded": 0, "failed": 3, "abandoned": 0}
        assert outcomes("hung") == {"succeeded": 0, "failed": 0, "abandoned": 1}
        assert metrics.total("equilibrium_requests_total", listener="outbound") == 13
        assert metrics.total("equilibrium_requests_total", listener="inbound") == 0
        answered = {
            row["status"]: n for row, n in metrics.rows("equilibrium_responses_total", listener="outbound")
        }
        assert answered == {"200": 7, "500": 3, "502": 2, "0": 1}, "0: the client left before"
        errors = {row["reason"]: n for row, n in metrics.rows("equilibrium_errors_total")}
        assert errors == {"unknown-service": 2}
        assert metrics.total("equilibrium_policy_failures_total") == 0


async def test_what_comes_in_is_counted_as_inbound(tmp_path: Path) -> None:
    async with pods(answer_ok) as (app,), program(tmp_path, discovery(), APP=app.address) as sidecar:
        for _ in range(4):
            assert (await ask(sidecar.inbound, request("/x"))).status == 200
        metrics = await settled(sidecar)
        assert metrics.total("equilibrium_requests_total", listener="inbound") == 4
        assert metrics.total("equilibrium_requests_total", listener="outbound") == 0
        assert metrics.total("equilibrium_responses_total", listener="inbound", status="200") == 4


async def test_retries_are_counted_and_each_attempt_has_its_outcome(tmp_path: Path) -> None:
    async with (
        pods(answer_ok, reset) as (good, bad),
        program(tmp_path, discovery(good.address, bad.address), STRATEGY="none") as sidecar,
    ):
        assert set(await send(sidecar, [request("/x")] * 6)) == {200}
        metrics = await settled(sidecar)
        tried = len(bad.calls)
        assert tried > 0, "round robin has asked both"
        assert metrics.total("equilibrium_retries_total", listener="outbound") == tried
        assert metrics.total("equilibrium_request_count", action="bus-0", outcome="succeeded") == 6
        assert metrics.total("equilibrium_request_count", action="bus-1", outcome="failed") == tried
        assert metrics.total("equilibrium_requests_total", listener="outbound") == 6, "requests, not attempts"


async def test_histograms_are_cumulative_and_agree_with_their_count(tmp_path: Path) -> None:
    async with pods(answer_ok) as (pod,), program(tmp_path, discovery(pod.address)) as sidecar:
        await send(sidecar, [request("/x")] * 9)
        metrics = await settled(sidecar)
        for name, labels in (
            ("equilibrium_request_latency", {"action": "bus-0", "service": "bus-service"}),
            ("equilibrium_proxy_overhead_seconds", {"listener": "outbound"}),
        ):
            buckets = sorted((float(row["le"]), n) for row, n in metrics.rows(f"{name}_bucket", **labels))
            counts = [count for _, count in buckets]
            assert counts == sorted(counts), f"{name}: a larger bucket holds what the smaller ones hold"
            assert len({bound for bound, _ in buckets}) == len(buckets), f"{name}: each bound once"
            assert buckets[-1][0] == math.inf, f"{name}: the last bucket has no bound"
            assert counts[-1] == metrics.total(f"{name}_count", **labels) == 9, f"{name}: all are in it"
            seconds = metrics.total(f"{name}_sum", **labels)
            rows = [(0.0, 0.0), *buckets]
            least = sum(
                lower * (n - before) for (lower, before), (_, n) in itertools.pairwise(rows) if n > before
            )
            assert least <= seconds, f"{name}: no less than the lower bounds of its buckets"
            assert seconds > 0


async def test_the_mix_adds_up_and_everybody_has_one_state(tmp_path: Path) -> None:
    async with program(tmp_path, discovery("127.0.0.1:9", "127.0.0.1:10", "127.0.0.1:11")) as sidecar:
        metrics = await scrape(sidecar.admin)
        assert metrics.total("equilibrium_routing_probability", service="bus-service") == pytest.approx(1.0)
        for action in ("bus-0", "bus-1", "bus-2"):
            assert metrics.total("equilibrium_endpoint_health", action=action) == 1, "in exactly one state"


async def test_utilisation_is_what_callers_are_told(tmp_path: Path) -> None:
    async with (
        pods(hang) as (app,),
        program(tmp_path, discovery(), APP=app.address, CONCURRENCY="4") as sidecar,
        client(sidecar.inbound) as first,
    ):
        first.writer.write(request("/x"))
        await asyncio.wait_for(app.asked.wait(), 10)
        metrics = await scrape(sidecar.admin)
        assert metrics.total("equilibrium_capacity_utilisation") == 0.25
        assert metrics.total("equilibrium_headroom") == 0.75
        assert metrics.total("equilibrium_in_flight", listener="inbound") == 1
        assert metrics.total("equilibrium_connections", listener="inbound") == 1
        assert metrics.total("equilibrium_upstream_connections", listener="inbound", state="busy") == 1


METHODS = ["GET", "PUT", "DELETE", "OPTIONS", "PROPFIND"]
REFUSED = {
    "both framings": request("/x", "POST", b"hello", transfer_encoding="chunked"),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "not http/1": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a space in a name": b"GET / HTTP/1.1\r\nHost : bus-service\r\n\r\n",
    "large": request("/x", x_large="x" * 70_000),
}


async def test_refusals_are_counted_by_the_rule_that_was_broken(tmp_path: Path) -> None:
    async with pods(answer_ok) as (pod,), program(tmp_path, discovery(pod.address)) as sidecar:
        rules: list[str] = []
        for what, raw in REFUSED.items():
            before = await scrape(sidecar.admin)
            async with client(sidecar.outbound) as made:
                made.writer.write(raw)
                await asyncio.wait_for(made.reader.read(), 10)
            after = await scrape(sidecar.admin)
            counted = Counter(
                {row["rule"]: n for row, n in after.rows("equilibrium_refusals_total", listener="outbound")}
            )
            counted.subtract(
                {row["rule"]: n for row, n in before.rows("equilibrium_refusals_total", listener="outbound")}
            )
            new = [rule for rule, n in counted.items() if n]
            assert len(new) == 1, f"{what}: one refusal, one rule"
            assert counted[new[0]] == 1, f"{what}: counted once"
            rules += new
        assert len(set(rules)) == len(REFUSED), f"each mistake has a rule of its own: {rules}"
        assert not pod.calls, "none of it went on"


# -- bounds


async def test_endpoints_that_left_take_their_series_with_them(tmp_path: Path) -> None:
    async with (
        pods(answer_ok, answer_ok) as (stays, leaves),
        program(tmp_path, discovery(stays.address, leaves.address), STRATEGY="none") as sidecar,
    ):
        await send(sidecar, [request("/x")] * 4)
        metrics = await settled(sidecar)
        assert all(metrics.values(name, "action") == {"bus-0", "bus-1"} for name in PER_ENDPOINT)
        sidecar.publish(discovery(stays.address))

        async def gone() -> bool:
            after = await scrape(sidecar.admin)
            return all(after.values(name, "action") == {"bus-0"} for name in PER_ENDPOINT)

        await until(gone, "an endpoint that left is in no per-endpoint series")
        assert (await scrape(sidecar.admin)).total("equilibrium_request_count", action="bus-0") == 2


async def test_a_service_that_is_gone_has_no_series(tmp_path: Path) -> None:
    async with (
        pods(answer_ok, answer_ok) as (stays, leaves),
        program(
            tmp_path, {"services": [service(stays.address), service(leaves.address, host="old")]}
        ) as sidecar,
    ):
        await send(sidecar, [request("/x", host="old")] * 2)
        assert "old" in (await settled(sidecar)).values("equilibrium_request_count", "service")
        sidecar.publish(discovery(stays.address))

        async def gone() -> bool:
            return 'service="old"' not in (await scrape(sidecar.admin)).text

        await until(gone, "a service that is gone is in no series")


async def test_an_endpoint_that_comes_back_starts_from_nothing(tmp_path: Path) -> None:
    async with (
        pods(answer_ok, answer_ok) as (stays, returns),
        program(tmp_path, discovery(stays.address, returns.address)) as sidecar,
    ):
        await send(sidecar, [request("/x")] * 4)
        for document in (discovery(stays.address), discovery(stays.address, returns.address)):
            sidecar.publish(document)
            shown = {f"bus-{n}" for n in range(len(document["services"][0]["endpoints"]))}

            async def known(shown: set[str] = shown) -> bool:
                now = await scrape(sidecar.admin)
                return now.values("equilibrium_routing_probability", "action") == shown

            await until(known, f"the file says {shown}")
        assert (await scrape(sidecar.admin)).total("equilibrium_request_count", action="bus-1") == 0


async def test_many_endpoints_are_bounded(tmp_path: Path) -> None:
    async with pods(*[answer_ok] * 40) as many:
        document = discovery(*(pod.address for pod in many))
        async with program(tmp_path, document) as sidecar:
            assert set(await send(sidecar, [request("/x")] * 80)) == {200}
            metrics = await settled(sidecar)
            for name in PER_ENDPOINT:
                shown = metrics.values(name, "action")
                assert len(shown - {"other"}) <= MOST_ENDPOINTS == 16, f"{name}: {len(shown)} endpoints"
            assert "other" in metrics.values("equilibrium_request_count", "action")
            total = metrics.total("equilibrium_request_count", service="bus-service", outcome="succeeded")
            assert total == 80, "what is not shown by itself is in `other`: nothing is lost"
            assert metrics.total("equilibrium_request_latency_count", service="bus-service") == 80


async def test_no_counter_goes_down_while_the_endpoints_stay() -> None:
    async with path(*[answer_ok] * 17) as mesh:
        for pod in mesh.pods[:16]:
            mesh.outbound.stats.of("bus-service", pod.address).latency.counts[0] = 1
        late = mesh.outbound.stats.of("bus-service", mesh.pods[16].address)
        late.failed = 5  # nobody listens there: no answers, so it is in `other`
        before = exposed(mesh).series()
        late.latency.counts[0] = 100  # it recovers and becomes the busiest
        now = exposed(mesh).series()
        fallen = {key: (was, now[key]) for key, was in before.items() if now.get(key, was) < was}
        assert not fallen, f"Prometheus takes that for a restart and counts everything again: {fallen}"


async def test_service_only_metrics_have_no_endpoints(tmp_path: Path) -> None:
    async with (
        pods(answer_ok, answer_ok) as (one, other),
        program(tmp_path, discovery(one.address, other.address), METRICS="service") as sidecar,
    ):
        await send(sidecar, [request("/x")] * 5)
        metrics = await settled(sidecar)
        for endpoint in ("bus-0", "bus-1", one.address, other.address):
            assert f'"{endpoint}"' not in metrics.text, "no series names an endpoint"
        assert metrics.total("equilibrium_request_count", service="bus-service", outcome="succeeded") == 5
        assert metrics.values("equilibrium_request_count", "action") == {"all"}
        assert metrics.total("equilibrium_request_latency_count", service="bus-service") == 5


async def test_what_clients_invent_makes_no_series(tmp_path: Path) -> None:
    async with pods(answer_ok) as (pod,), program(tmp_path, discovery(pod.address)) as sidecar:
        await send(sidecar, [request("/x")] * 60)  # enough for an opinion on the equilibrium
        before = set((await settled(sidecar)).series())
        inventions = (
            request(f"/{n}?{n}", METHODS[n % len(METHODS)], host=host, x_gt_bid=f"word-{n}")
            for n, host in itertools.product(range(50), ("bus-service", "BUS-SERVICE:8080"))
        )
        await send(sidecar, inventions)
        await send(sidecar, [request("/x", host=f"host-{n}") for n in range(50)])
        new = set((await settled(sidecar)).series()) - before
        labels = [dict(labels) for _, labels in new]
        assert len(new) <= 3, f"one reason, one status and one signal, not one of each: {labels}"
        assert not [row for row in labels if row.keys() & {"action", "service", "rule"}], labels


async def test_a_failing_policy_is_counted_and_costs_no_request() -> None:
    async with path(answer_ok) as mesh:
        (known,) = mesh.catalog.services.values()

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("a bug in policy")

        known.router.pick = broken  # type: ignore[method-assign,assignment]
        assert (await mesh.ask(request("/x"))).status == 200, "it went round robin"
        assert exposed(mesh).total("equilibrium_policy_failures_total") == 1
        known.policy_failures = 0  # what `path` checks at its end


def exposed(mesh: DataPath) -> Scrape:
    """What a sidecar with this data path would expose."""
    registry = Registry()
    collector = SidecarCollector(mesh.catalog, mesh.outbound, mesh.inbound, Counter(), per_endpoint=True)
    registry.register(collector)
    return Scrape(registry.render().decode())


async def test_scraping_takes_no_part_in_the_traffic(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        began = clock.now()
        first = await scrape(sidecar.admin)
        second = await scrape(sidecar.admin)
        assert first.series() == second.series(), f"nothing happened in {clock.now() - began:.3f} s"
