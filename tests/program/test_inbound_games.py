"""The compiled program's inbound side: it polices, tells its demand, consents or not to a resize, and records."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.program.process import discovery, program
from tests.program.wire import ask, pods, request, scrape, until
from tests.proxy.pods import Call, answer_ok, hang

CALLERS = [{"address": "127.0.0.1", "workload": "default/ticket", "budget": 2}]


def known(*addresses: str) -> dict[str, Any]:
    return {**discovery(*addresses), "callers": CALLERS}


async def document(admin: str, path: str) -> dict[str, Any]:
    answer = await ask(admin, request(path))
    assert answer.status == 200
    return dict(json.loads(answer.body))


async def test_a_known_caller_has_an_account_with_its_budget_and_reputation(tmp_path: Path) -> None:
    async with pods(answer_ok) as (app,), program(tmp_path, known(), APP=app.address) as sidecar:
        answer = await ask(sidecar.inbound, request("/x"))
        assert answer.field(b"X-GT-Reputation") == b"1.00"
        callers = (await document(sidecar.admin, "/state"))["inbound"]["callers"]
        assert callers["default/ticket"]["budget"] == 2.0
        metrics = await scrape(sidecar.admin)
        assert metrics.values("equilibrium_reputation_score", "caller") == {"default/ticket"}
        assert metrics.values("equilibrium_punishment_active", "target") == {"default/unknown"}
        assert metrics.values("equilibrium_admission_total", "decision") == {"admitted"}


async def test_strategy_none_polices_nobody(tmp_path: Path) -> None:
    async with (
        pods(answer_ok) as (app,),
        program(tmp_path, known(), APP=app.address, STRATEGY="none", CONCURRENCY="1") as sidecar,
    ):
        answer = await ask(sidecar.inbound, request("/x"))
        assert answer.status == 200
        assert answer.field(b"X-GT-Reputation") is None
        assert "decisions" not in (await document(sidecar.admin, "/state"))["inbound"]


async def test_demand_rises_with_what_waits_and_is_told_with_its_schema(tmp_path: Path) -> None:
    variables = {
        "CONCURRENCY": "4",
        "LIMITER": "fixed",
        "POD": "bus-0",
        "CONTAINER": "bus",
        "WORKLOAD": "shop/bus",
    }
    async with pods(hang) as (app,), program(tmp_path, known(), APP=app.address, **variables) as sidecar:
        idle = await document(sidecar.admin, "/demand")
        assert set(idle) == {
            "demand",
            "queue",
            "latency",
            "throttling",
            "source",
            "pod",
            "namespace",
            "container",
        }
        assert (idle["pod"], idle["namespace"], idle["container"]) == ("bus-0", "shop", "bus")
        asking = [
            asyncio.get_running_loop().create_task(ask(sidecar.inbound, request("/x"))) for _ in range(4)
        ]

        async def pressed() -> bool:
            return float((await document(sidecar.admin, "/demand"))["demand"]) > 0.4

        await until(pressed, "all slots in use are half of the demand there can be")
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b'{"proposed_memory": "lots"}', "proposed_memory"),
        (b'{"proposed_memory": -1}', "proposed_memory"),
        (b'{"proposed_cpu": "250q"}', "proposed_cpu"),
        (b'{"proposed_memory": "500Mi", "memory": 1}', "memory"),
    ],
)
async def test_nonsense_in_a_negotiation_is_400_and_names_the_field(
    tmp_path: Path, body: bytes, field: str
) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        answer = await ask(sidecar.admin, request("/negotiate", "POST", body))
        assert answer.status == 400
        assert field in answer.body.decode()


async def test_a_resize_is_refused_where_nobody_knows_what_the_application_uses(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        answer = await ask(sidecar.admin, request("/negotiate", "POST", b'{"proposed_memory": "500Mi"}'))
        told = json.loads(answer.body)
        assert (answer.status, told["accepted"]) == (409, False)
        assert told["reason"]


async def usage(call: Call) -> None:
    """An application that uses 100 MiB of 200."""
    page = {"memory_bytes": 100 << 20, "limit_bytes": 200 << 20}
    await call.answer(body=json.dumps(page).encode())


async def test_consent_is_given_above_what_is_used_and_refused_below(tmp_path: Path) -> None:
    async with (
        pods(usage) as (app,),
        program(tmp_path, discovery(), USAGE_URL=f"http://{app.address}/metrics") as sidecar,
    ):
        yes = await ask(sidecar.admin, request("/negotiate", "POST", b'{"proposed_memory": "150Mi"}'))
        assert (yes.status, json.loads(yes.body)["source"]) == (200, "usage-url")
        no = await ask(sidecar.admin, request("/negotiate", "POST", b'{"proposed_memory": "90Mi"}'))
        assert no.status == 409
        assert json.loads(no.body)["minimum_memory"] > 100 << 20


async def test_the_applications_memory_governs_what_is_accepted(tmp_path: Path) -> None:
    async def nearly_full(call: Call) -> None:
        page = {"memory_bytes": 95, "limit_bytes": 100} if b"/metrics" in call.head else {}
        await call.answer(body=json.dumps(page).encode())

    async with pods(nearly_full) as (app,):
        url = f"http://{app.address}/metrics"
        variables = {"USAGE_URL": url, "CONCURRENCY": "100", "LIMITER": "fixed"}
        async with program(tmp_path, known(), APP=app.address, **variables) as sidecar:

            async def degraded() -> bool:
                return bool((await document(sidecar.admin, "/state"))["degradation"]["state"] == "degraded")

            await until(degraded, "95 % of the memory is too much")
            state = await document(sidecar.admin, "/state")
            assert state["inbound"]["slots"] <= 50, "half of the limit, or less"
            metrics = await scrape(sidecar.admin)
            assert "usage-url" in metrics.values("equilibrium_memory_pressure", "source")
            assert {"MEM_PRESSURE", "SCALE_DOWN", "DEGRADED_MODE"} <= metrics.values(
                "equilibrium_events_total", "kind"
            )


async def test_the_flight_record_can_be_had_at_any_time_and_has_no_query_strings(tmp_path: Path) -> None:
    async with pods(answer_ok) as (app,), program(tmp_path, known(), APP=app.address) as sidecar:
        await ask(sidecar.inbound, request("/x?token=s3cret"))

        async def sampled() -> bool:
            return b"in_flight" in (await ask(sidecar.admin, request("/flight"))).body

        await until(sampled, "a sample a second")
        record = (await ask(sidecar.admin, request("/flight"))).body
        header = json.loads(record.splitlines()[0])
        assert header["workload"] == "default/unknown"
        assert b"s3cret" not in record


async def test_sigterm_under_pressure_leaves_a_record(tmp_path: Path) -> None:
    async def full(call: Call) -> None:
        await call.answer(body=b'{"memory_bytes": 99, "limit_bytes": 100}')

    records = tmp_path / "flight"
    records.mkdir()
    async with pods(full) as (app,):
        variables = {"USAGE_URL": f"http://{app.address}/metrics", "FLIGHT": str(records)}
        async with program(tmp_path, discovery(), **variables) as sidecar:

            async def degraded() -> bool:
                return bool((await document(sidecar.admin, "/state"))["degradation"]["state"] == "degraded")

            await until(degraded, "it is under pressure")
            sidecar.terminate()
            await sidecar.exit_status()
            assert list(records.iterdir()), "what led here is on disk"
