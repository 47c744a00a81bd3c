"""What sidecars say in /state, as the live page of a mesh shows it; and the page of a real one."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from loadtest import processes
from loadtest.mesh import Mesh, MeshPlan, admin
from loadtest.mesh.live import LivePage
from loadtest.mesh.picture import Measured, Picture, standings

A, B = "127.9.0.1:1", "127.9.0.2:1"


def said(settled: int, *, health: str = "admitted", **more: Any) -> dict[str, Any]:
    told = {
        "endpoints": {A: "bus-0", B: "bus-1"},
        "settled": {A: {"succeeded": settled, "failed": 0}, B: {"succeeded": 0, "failed": 0}},
        "health": {A: "admitted", B: health},
        "in_flight": {A: 1, B: 0},
        "mix": {A: 0.5, B: 0.5},
        "gap": None,
        "nash": None,
    }
    return {"services": {"bus": told | more}, "inbound": {}}


def test_requests_are_counted_over_the_last_seconds_and_who_sends_none_is_left_out() -> None:
    picture = Picture(lambda *_: None)
    picture.services({"gateway-0": said(100), "idle-0": said(0)}, 10.0, {})
    (service,) = picture.services({"gateway-0": said(140), "idle-0": said(0)}, 12.0, {}).values()
    assert set(service.rows) == {"gateway-0"}
    row = service.rows["gateway-0"]
    assert row.rate_per_s == 20.0
    assert (row.cells[A].share, row.cells[B].share) == (1.0, 0.0), (
        "round robin tells no shares: they are counted"
    )
    assert service.endpoints == {A: "bus-0", B: "bus-1"}


def test_what_is_learnt_is_shown_and_what_generators_saw_is_the_gateways() -> None:
    learnt = said(9, shares={A: 0.7, B: 0.3}, regrets={A: 0.0, B: 0.1}, lyapunov=0.005, gap=0.1, nash=1)
    advised = said(
        9, advice={"action": {A: 1.0}, "obeys": True, "conditional_regret": 0.01, "why": "it pays"}
    )
    measured = {"bus": Measured(0.02, {"bus-0": 0.01})}
    rows = (
        Picture(lambda *_: None)
        .services({"gateway-0": learnt, "ticket-0": advised}, 1.0, measured)["bus"]
        .rows
    )
    assert (rows["gateway-0"].p99_s, rows["ticket-0"].p99_s) == (0.02, None)
    assert (rows["gateway-0"].cells[A].latency_s, rows["gateway-0"].cells[B].regret) == (0.01, 0.1)
    assert (rows["ticket-0"].obeys, rows["ticket-0"].cells[B].advised) == (True, 0.0)
    assert rows["gateway-0"].obeys is None


def test_a_change_of_health_is_told_once() -> None:
    told: list[str] = []
    picture = Picture(lambda kind, text, who, tone: told.append(f"{who}: {text}"))
    for health in ("admitted", "ejected", "ejected", "admitted"):
        picture.services({"gateway-0": said(1, health=health)}, 1.0, {})
    assert told == ["gateway-0: bus-1 is ejected", "gateway-0: bus-1 is readmitted"]


def test_reputations_are_those_pods_have_of_their_callers() -> None:
    callers = {"callers": {"shop/x": {"reputation": 0.2, "punished": True, "level": 2}}}
    (found,) = standings({"bus-0": {"inbound": callers}}).values()
    assert (found.target, found.caller, found.score, found.level) == ("bus-0", "shop/x", 0.2, 2)


@pytest.mark.slow
def test_the_page_of_a_real_mesh_shows_who_is_asked(tmp_path: Path) -> None:
    with (
        processes.Children(tmp_path) as children,
        Mesh.start(children, MeshPlan(replicas=1)) as mesh,
        LivePage("mesh") as live,
    ):
        live.show(mesh)
        live.say("mesh", "it is up")
        for _ in range(5):
            admin.ask(mesh.entry, "GET", "/api/buses")
        frame = asyncio.run(_frame(live.url))
        rows = frame["services"]["bus-service"]["rows"]
        assert rows["gateway-0"]["cells"][mesh.pods("bus-service")[0].endpoint]["health"] == "admitted"
        assert frame["events"]["1"]["text"] == "it is up"
        live.show(None)
        assert asyncio.run(_frame(live.url))["services"] == {}


async def _frame(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/frame") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found
