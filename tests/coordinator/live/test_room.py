"""The coordinator serves its live page: to loopback and to who has the mesh key, from real cycles."""

import aiohttp
import pytest

from sidecar import clock, contract
from sidecar.policy.auth import sign
from tests.coordinator.loop.world import driven, pod, step, world

KEY = "k" * 32


async def test_a_cycle_is_seen_on_the_page_and_in_state() -> None:
    async with world() as w, driven(w) as c:
        await w.add(pod("a", {"equilibrium.io/resize": "true"}), 0.95)
        host, port = await c._server.start("127.0.0.1", 0)
        await step(w, c)
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
            async with session.get("/live/frame") as answer:
                frame = await answer.json()
            assert frame["source"]["kind"] == "coordinator"
            assert frame["source"]["note"] == "leads"
            (node,) = frame["market"]["nodes"].values()
            assert node["pods"]["shop/a"]["demand"] == 0.95
            known = [frame["market"]["potential"]] if "potential" in frame["market"] else []
            assert frame["market"]["potentials"] == known
            assert "GET /live" in await (await session.get("/")).text()
            state = await (await session.get("/state")).json()
            assert state["live"] == {"watchers": 0, "frames": 1}
            assert "equilibrium_live_watchers 0.0" in await (await session.get("/metrics")).text()
            async with session.get("/live/events") as events:
                assert await events.content.readline() == b"retry: 1000\n"
                await events.content.readuntil(b"event: full\n")


async def test_off_it_is_not_there() -> None:
    async with world() as w, driven(w, LIVE="off") as c:
        host, port = await c._server.start("127.0.0.1", 0)
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session, session.get("/live") as answer:
            assert answer.status == 404


@pytest.mark.parametrize("path", ["/live", "/live/frame"])
async def test_a_proof_by_the_mesh_key_will_do_and_a_bad_one_will_not(path: str) -> None:
    async with world() as w, driven(w, MESH_KEY=KEY) as c:
        host, port = await c._server.start("127.0.0.1", 0)
        caller = "shop/a"
        good = sign(
            c._settings.key or b"",
            method=b"GET",
            path=path.encode(),
            body=b"",
            workload=caller,
            now_unix_s=clock.wall_s(),
            nonce="n" * 16,
        )
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
            for value, status in ((good, 200), (good, 403), ("v1 t=1,n=x,mac=0", 403)):
                text = value.decode() if isinstance(value, bytes) else value
                headers = {contract.AUTH: text, contract.CALLER: caller}
                async with session.get(path, headers=headers) as answer:
                    assert answer.status == status


PATHS = ["/live", "/live/live.js", "/live/frame", "/live/events"]


async def status_of(session: aiohttp.ClientSession, path: str, headers: dict[str, str]) -> int:
    async with session.get(path, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Via": "1.1 ingress"},
        {"Forwarded": "for=192.0.2.7"},
        {"X-Forwarded-For": "192.0.2.7"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
async def test_who_a_proxy_speaks_for_and_another_sites_page_see_nothing_of_it(
    path: str, headers: dict[str, str]
) -> None:
    async with world() as w, driven(w) as c:
        host, port = await c._server.start("127.0.0.1", 0)
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
            assert await status_of(session, path, headers) == 403


async def test_the_page_itself_may_fetch_its_files_and_its_events_and_somebody_may_navigate_to_it() -> None:
    async with world() as w, driven(w) as c:
        host, port = await c._server.start("127.0.0.1", 0)
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
            typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
            followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
            assert [await status_of(session, "/live", each) for each in ({}, typed, followed)] == [200] * 3
            own = {"Origin": f"http://{host}:{port}", "Sec-Fetch-Site": "same-origin"}
            assert [await status_of(session, each, own) for each in PATHS] == [200] * len(PATHS)


async def test_a_signature_will_do_through_a_proxy() -> None:
    async with world() as w, driven(w, MESH_KEY=KEY) as c:
        host, port = await c._server.start("127.0.0.1", 0)
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
            headers = {**signed(c._settings.key or b"", "/live/frame"), "Via": "1.1 ingress"}
            assert await status_of(session, "/live/frame", headers) == 200


def signed(key: bytes, path: str) -> dict[str, str]:
    good = sign(
        key,
        method=b"GET",
        path=path.encode(),
        body=b"",
        workload="shop/a",
        now_unix_s=clock.wall_s(),
        nonce="n" * 16,
    )
    text = good.decode() if isinstance(good, bytes) else good
    return {contract.AUTH: text, contract.CALLER: "shop/a"}


async def test_a_name_that_was_rebound_to_loopback_is_refused() -> None:
    async with world() as w, driven(w) as c:
        host, port = await c._server.start("127.0.0.1", 0)
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
            for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
                async with session.get("/live/frame", headers=headers) as answer:
                    assert answer.status == 403
