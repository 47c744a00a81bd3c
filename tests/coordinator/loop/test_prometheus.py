"""A real Prometheus with a small exporter behind it, and servers that answer nonsense in its place."""

import asyncio
import shutil
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from coordinator.telemetry.prometheus import Prometheus
from tests.coordinator.loop.sidecars import HANG
from tests.coordinator.loop.world import driven, pod, step, world
from tests.support import ports

PROGRAM = shutil.which("prometheus")
PAGE = """\
mbcas_demand_intensity{{namespace="shop",pod="quiet",container="app"}} 0.85
container_cpu_usage_seconds_total{{namespace="shop",pod="a",container="app"}} {cpu}
container_cpu_cfs_periods_total{{namespace="shop",pod="a",container="app"}} {periods}
container_cpu_cfs_throttled_periods_total{{namespace="shop",pod="a",container="app"}} {throttled}
container_memory_working_set_bytes{{namespace="shop",pod="a",container="app"}} 2e+08
container_memory_working_set_bytes{{namespace="shop",pod="a",container="POD"}} 1e+06
equilibrium_requests_total{{namespace="shop",pod="a",listener="inbound"}} {requests}
equilibrium_responses_total{{namespace="shop",pod="a",listener="inbound",status="200"}} {well}
equilibrium_responses_total{{namespace="shop",pod="a",listener="inbound",status="500"}} {failed}
equilibrium_responses_total{{namespace="shop",pod="b",listener="inbound",status="200"}} {well}
equilibrium_request_latency_bucket{{namespace="shop",pod="caller",service="a",action="a",le="0.1"}} {well}
equilibrium_request_latency_bucket{{namespace="shop",pod="caller",service="a",action="a",le="0.2"}} {requests}
equilibrium_request_latency_bucket{{namespace="shop",pod="caller",service="a",action="a",le="+Inf"}} {requests}
"""


@asynccontextmanager
async def serving(handler):
    """Any path, at a port of its own."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def exporter():
    """Counters that rise with every scrape by the same amounts: half a core, a quarter of periods throttled."""
    scrapes = 0

    async def page(request):
        nonlocal scrapes
        scrapes += 1
        counts = {"cpu": 0.05 * scrapes, "periods": 4 * scrapes, "throttled": scrapes}
        counts |= {"requests": 10 * scrapes, "well": 8 * scrapes, "failed": 2 * scrapes}
        return web.Response(text=PAGE.format(**counts))

    return page


@asynccontextmanager
async def scraping(directory, target):
    """A real Prometheus that scrapes `target` every 100 ms; its URL."""
    if PROGRAM is None:
        pytest.skip("no prometheus here (Debian package prometheus)")
    port = ports.free()
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 100ms}\n"
        f"scrape_configs: [{{job_name: pods, honor_labels: true, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with (directory / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def asked(url, **more):
    prometheus = Prometheus(url, window_s=30.0, age_s=30.0, **more)
    try:
        yield prometheus
    finally:
        await prometheus.close()


SIGNALS = ("demand", "usage_m", "throttled", "usage_bytes", "rate", "failing", "latency_s")


async def complete(prometheus):
    """What it says once every signal has a value: its discovery takes five seconds, a rate two scrapes."""
    async with asyncio.timeout(60):
        while True:
            found = await prometheus.scrape()
            if all(found.values.get(name) for name in SIGNALS):
                return found.values
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_golden_signals_of_a_real_prometheus(tmp_path):
    async with (
        serving(exporter()) as target,
        scraping(tmp_path, target.removeprefix("http://")) as url,
        asked(url) as prometheus,
    ):
        values = await complete(prometheus)
        # before it listened, before it was ready, and where nothing had happened yet
        assert {word for _, word in prometheus.failures} <= {"unreachable", "status-503", "nan"}
        container, whole = ("shop", "a", "app"), ("shop", "a", "")
        assert values["demand"] == {("shop", "quiet", ""): 0.85}
        assert values["throttled"][container] == pytest.approx(0.25, abs=0.02)
        assert values["usage_bytes"] == {container: 2e8}
        assert values["failing"][whole] == pytest.approx(0.2, abs=0.02)
        assert values["failing"]["shop", "b", ""] == 0.0
        assert 0.1 <= values["latency_s"]["", "a", ""] <= 0.2
        # per scrape: 50 ms of CPU and 10 requests
        assert values["usage_m"][container] / values["rate"][whole] == pytest.approx(5.0, rel=0.05)
        async with world() as w, driven(w, PROMETHEUS=url, PROMETHEUS_WINDOW="30s") as c:
            await w.add(pod("quiet"), 0.1)
            w.sidecars["quiet"].demand = lambda: (500, {})
            await w.add(pod("a", injected=False), None)
            cycle = await step(w, c)
            seen = {subject.name: cycle.observations[subject.uid] for subject in cycle.market}
        assert (seen["quiet"].source, seen["quiet"].demand) == ("prometheus", 0.85)
        assert seen["a"].source == "prometheus"
        assert seen["a"].reason == "it has no sidecar; from use and throttling"
        assert seen["a"].usage_bytes == 2 * 10**8


SAMPLE = b'{"metric":{"namespace":"shop","pod":"a"},"value":[1,"0.9"]}'
GOOD = b'{"status":"success","data":{"resultType":"vector","result":[%b]}}' % SAMPLE
NAN = GOOD.replace(b"0.9", b"NaN")


def scripted(answers):
    """Status and body of each answer; the last one stands."""

    async def answer(request):
        status, body = answers[0]
        if body is HANG:
            await asyncio.Event().wait()
        headers = {"Location": "http://127.0.0.1:1/"} if status == 302 else None
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)

    return answer


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((200, b"<html>no</html>"), "garbage"),
        ((200, b"[1, 2]"), "garbage"),
        ((200, b'{"status":"success","data":{"resultType":"matrix","result":[]}}'), "refused"),
        ((400, b'{"status":"error","errorType":"bad_data","error":"parse error"}'), "refused"),
        ((422, b'{"status":"error","errorType":"execution","error":"too many samples"}'), "refused"),
        ((503, b'{"status":"error","errorType":"timeout","error":"slow"}'), "refused"),
        ((503, b"upstream"), "status-503"),
        ((500, b"{}"), "status-500"),
        ((404, b"not found"), "status-404"),
        ((401, b""), "status-401"),
        ((302, b""), "redirect"),
        ((200, HANG), "timeout"),
        ((200, NAN), "nan"),
    ],
)
async def test_a_useless_answer_is_named_counted_and_harms_no_cycle(answer, word):
    timeout_s = 0.3 if word == "timeout" else 30.0
    async with serving(scripted([answer])) as url, asked(url, timeout_s=timeout_s) as prometheus:
        found = await prometheus.scrape()
        assert {reason for _, reason in prometheus.failures} == {word}
        assert not any(found.values.values())


async def test_nobody_at_the_address_is_named_too():
    async with asked(f"http://127.0.0.1:{ports.free()}") as prometheus:
        found = await prometheus.scrape()
    assert "unreachable" in found.why
    assert {reason for _, reason in prometheus.failures} == {"unreachable"}


async def test_what_was_known_is_used_while_it_is_young_and_then_not():
    answers = [(200, GOOD)]
    now = [100.0]
    async with serving(scripted(answers)) as url, asked(url, now=lambda: now[0]) as prometheus:
        assert (await prometheus.scrape()).values["demand"] == {("shop", "a", ""): 0.9}
        answers[0] = (500, b"")
        now[0] = 120.0
        kept = await prometheus.scrape()
        assert kept.values["demand"] == {("shop", "a", ""): 0.9}
        assert kept.at == 100.0
        assert "500" in kept.why
        now[0] = 131.0
        assert not (await prometheus.scrape()).values


async def test_warnings_are_told_and_the_answer_is_used():
    warned = GOOD[:-1] + b',"warnings":["partial response"]}'
    async with serving(scripted([(200, warned)])) as url, asked(url) as prometheus:
        found = await prometheus.scrape()
        assert found.values["demand"]
        assert found.why == "Prometheus warns: partial response"


async def test_a_token_is_read_anew_for_every_question(tmp_path):
    seen = []

    async def answer(request):
        seen.append(request.headers.get("Authorization"))
        return web.Response(body=GOOD)

    token = tmp_path / "token"
    async with serving(answer) as url, asked(url, token_file=str(token)) as prometheus:
        missing = await prometheus.scrape()
        assert "token" in missing.why
        assert seen == []
        token.write_text("one\n")
        await prometheus.scrape()
        token.write_text("two\n")
        await prometheus.scrape()
    assert set(seen) == {"Bearer one", "Bearer two"}


async def test_a_useless_prometheus_leaves_the_loop_with_what_sidecars_say():
    async with (
        serving(scripted([(200, b"garbage")])) as url,
        world() as w,
        driven(w, PROMETHEUS=url) as c,
    ):
        await w.add(pod("a"), 0.9)
        await w.add(pod("bare", injected=False), None)
        cycle = await step(w, c)
        seen = {subject.name: cycle.observations[subject.uid] for subject in cycle.market}
        assert (seen["a"].demand, seen["a"].source) == (0.9, "sidecar")
        assert (seen["bare"].demand, seen["bare"].source) == (0.5, "default")
        assert "garbage" in seen["bare"].reason
        assert not cycle.failures
        sample = c.parts.metrics.registry.get_sample_value
        labels = {"signal": "demand", "reason": "garbage"}
        assert sample("equilibrium_coordinator_prometheus_failures_total", labels) == 1
