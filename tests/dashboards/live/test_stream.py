"""The page's events over real sockets: everybody gets the whole once, then what changes; nobody slows anybody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from dashboards.live import delta, frame, watchers
from dashboards.live.assets import assets
from dashboards.live.server import local
from dashboards.live.stream import Stream
from sidecar.supervise import Supervisor

PATIENCE_S = 60.0


class Served:
    """A stream behind a port, whose frames a test sets."""

    def __init__(self, **options: Any) -> None:
        self.share = 0.0
        self.padding = ""
        self.stream = Stream(self.make, local, every_s=options.pop("every_s", 0.01), **options)
        self.failures: list[BaseException] = []
        self.breaks = False
        self.url = ""

    async def make(self) -> frame.Frame:
        if self.breaks:
            raise RuntimeError("no figures")
        self.share += 1.0
        row = frame.Row(rate_per_s=self.share, node=self.padding or None)
        source = frame.Source(kind="mesh", name="test", every_s=0.01)
        return frame.Frame(at=self.share, source=source, services={"s": frame.Service(rows={"c": row})})


@contextlib.asynccontextmanager
async def serving(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    app = web.Application()
    app.add_routes(served.stream.routes())
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    supervisor = Supervisor(lambda _, error: served.failures.append(error))
    supervisor.start("frames", served.stream.run)
    try:
        async with aiohttp.ClientSession(served.url) as session:
            yield session
    finally:
        await supervisor.stop()
        await runner.cleanup()


async def messages(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, str, Any]]:
    """(event, id, data), comments as ("", "", text)."""
    buffer = b""
    async for chunk in answer.content.iter_any():
        buffer += chunk
        while b"\n\n" in buffer:
            block, _, buffer = buffer.partition(b"\n\n")
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
            if "event" in fields:
                yield fields["event"], fields["id"], orjson.loads(fields["data"])
            else:
                yield "", "", block.decode()


async def some(answer: aiohttp.ClientResponse, count: int) -> list[tuple[str, str, Any]]:
    found = []
    async with asyncio.timeout(PATIENCE_S):
        async for message in messages(answer):
            if message[0]:
                found.append(message)
            if len(found) == count:
                break
    return found


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_first_everything_then_what_changed_comes_to_the_same_as_asking() -> None:
    served = Served()
    async with serving(served) as session, session.get("/live/events") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        found = await some(answer, 5)
        assert [kind for kind, _, _ in found] == ["full", "diff", "diff", "diff", "diff"]
        held = found[0][2]
        for _, _, patch in found[1:]:
            held = delta.merge(held, patch)
        rate = held["services"]["s"]["rows"]["c"]["rate_per_s"]
        assert rate == found[0][2]["at"] + 4
        async with session.get("/live/frame") as whole:
            assert (await whole.json()).keys() == held.keys()


async def test_the_browser_is_told_when_to_come_back() -> None:
    served = Served()
    async with serving(served) as session, session.get("/live/events") as answer:
        assert await anext(messages(answer)) == ("", "", "retry: 1000")


async def test_nothing_is_made_while_nobody_watches() -> None:
    served = Served()
    async with serving(served) as session:
        await asyncio.sleep(0.05)
        assert served.stream.made == 0
        async with session.get("/live/events") as answer:
            await some(answer, 2)
        await until(lambda: not len(served.stream.watchers))
        made = served.stream.made
        await asyncio.sleep(0.05)
        assert served.stream.made <= made + 1, "at most the one that was being made"


async def test_all_get_the_same_bytes_and_a_late_one_starts_with_everything() -> None:
    served = Served()
    async with (
        serving(served) as session,
        session.get("/live/events") as first,
        session.get("/live/events") as second,
    ):
        one, two = await some(first, 3), await some(second, 3)
        assert one[0][0] == two[0][0] == "full"
        by_id = {number: data for kind, number, data in one if kind == "diff"}
        assert all(by_id.get(number, data) == data for kind, number, data in two if kind == "diff")


async def test_who_comes_back_is_given_what_it_missed() -> None:
    served = Served()
    async with serving(served) as session, session.get("/live/events") as stays:
        async with session.get("/live/events") as leaves:
            found = await some(leaves, 2)
        seen = found[-1][1]
        await some(stays, 5)
        async with session.get("/live/events", headers={"Last-Event-ID": seen}) as again:
            more = await some(again, 2)
        number = int(seen.partition(".")[2])
        assert [(kind, int(at.partition(".")[2])) for kind, at, _ in more] == [
            ("diff", number + 1),
            ("diff", number + 2),
        ]


@pytest.mark.parametrize(
    "last", ["", "0.1", "ffffffff.3", "nonsense", "ffffffff.-1", "ffffffff.99999999999999"]
)
async def test_who_has_seen_another_server_starts_again(last: str) -> None:
    served = Served()
    async with (
        serving(served) as session,
        session.get("/live/events", headers={"Last-Event-ID": last}) as answer,
    ):
        assert (await some(answer, 1))[0][0] == "full"


def test_who_is_too_slow_loses_changes_and_gets_everything_again() -> None:
    all_of_them = watchers.Watchers(4)
    slow = all_of_them.join()
    all_of_them.publish({"a": 0})
    assert b"event: full" in all_of_them.take(slow)
    for number in range(1, watchers.MOST_WAITING + 3):
        all_of_them.publish({"a": number})
        assert len(slow.waiting) <= watchers.MOST_WAITING
    assert slow.ready.is_set()
    caught_up = all_of_them.take(slow)
    assert caught_up.count(b"event: ") == 1
    assert b"event: full" in caught_up
    assert b'{"a":%d}' % (watchers.MOST_WAITING + 2) in caught_up
    assert slow.resyncs == 1
    all_of_them.publish({"a": -1})
    assert b"event: diff" in all_of_them.take(slow)


async def test_who_takes_nothing_is_hung_up_on_and_the_others_are_served() -> None:
    served = Served(stuck_s=0.2, every_s=0.001)
    async with serving(served) as session:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(served.url.rpartition(":")[2]), limit=2**10
        )
        writer.write(b"GET /live/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await writer.drain()
        await until(lambda: len(served.stream.watchers) == 1)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        async with session.get("/live/events") as answer:
            await some(answer, 2)
            served.padding = "x" * 300_000
            more = messages(answer)
            async with asyncio.timeout(PATIENCE_S):
                while len(served.stream.watchers) > 1:
                    served.padding = served.padding[:-1]
                    await anext(more)
        writer.close()


async def test_there_is_a_limit_and_it_says_when_to_come_back() -> None:
    served = Served(most=1)
    async with serving(served) as session, session.get("/live/events") as first:
        await some(first, 1)
        async with session.get("/live/events") as refused:
            assert refused.status == 503
            assert refused.headers["Retry-After"] == "5"
    assert not len(served.stream.watchers)


async def test_a_closed_page_makes_room() -> None:
    served = Served(most=1)
    async with serving(served) as session:
        for _ in range(3):
            async with session.get("/live/events") as answer:
                assert (await some(answer, 1))[0][0] == "full"
            await until(lambda: not served.stream.watchers.full)


async def test_a_cancelled_answer_leaves_nobody_behind() -> None:
    served = Served()
    async with serving(served) as session:
        asked = await session.get("/live/events")
        await until(lambda: len(served.stream.watchers) == 1)
        asked.close()
        await until(lambda: not len(served.stream.watchers))


async def test_silence_is_filled_with_comments() -> None:
    served = Served(every_s=60.0, heartbeat_s=0.02)
    async with serving(served) as session, session.get("/live/events") as answer:
        found = []
        async with asyncio.timeout(PATIENCE_S):
            async for message in messages(answer):
                found.append(message)
                if len(found) == 4:
                    break
        assert [kind or data for kind, _, data in found][1:] == ["full", ": still here", ": still here"]


async def test_a_frame_that_cannot_be_made_is_reported_and_made_again() -> None:
    served = Served()
    served.breaks = True
    async with serving(served) as session, session.get("/live/events") as answer:
        await until(lambda: served.failures)
        served.breaks = False
        assert (await some(answer, 1))[0][0] == "full"


@pytest.mark.parametrize("path", ["/live", "/live/events", "/live/frame", "/live/live.js"])
@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_other_peoples_pages_are_refused(path: str, headers: dict[str, str]) -> None:
    served = Served()
    async with serving(served) as session, session.get(path, headers=headers) as answer:
        assert answer.status == 403
        assert "docs/live.md" in await answer.text()


async def test_files_are_sent_once_and_only_confirmed_afterwards() -> None:
    served = Served()
    async with serving(served) as session:
        async with session.get("/live/live.js") as first:
            assert first.content_type == "text/javascript"
            assert first.headers["Cache-Control"] == "no-cache"
            tag = first.headers["ETag"]
        async with session.get("/live/live.js", headers={"If-None-Match": tag}) as again:
            assert (again.status, await again.read()) == (304, b"")
        async with session.get("/live/live.js", headers={"If-None-Match": '"other"'}) as other:
            assert other.status == 200


@pytest.mark.parametrize("name", ["nothing.js", "stream.py", "..%2fframe.py", "%2e%2e%2fassets.py"])
async def test_nothing_but_the_pages_files_is_served(name: str) -> None:
    served = Served()
    async with serving(served) as session, session.get(f"/live/{name}") as answer:
        assert answer.status == 404


async def test_the_page_may_run_and_ask_nothing_but_what_comes_from_here() -> None:
    served = Served()
    async with serving(served) as session, session.get("/live") as page:
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<noscript>" in await page.text()


def test_the_page_is_small_and_makes_no_markup_of_text() -> None:
    files = assets()
    assert sum(len(each.body) for each in files.values()) < 60 * 1024
    for name, each in files.items():
        for forbidden in (
            b"innerHTML",
            b"outerHTML",
            b"insertAdjacentHTML",
            b"eval(",
            b"style=",
            b"onclick=",
        ):
            assert forbidden not in each.body, name
        outside = each.body.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"http://" not in outside, name
        assert b"https://" not in outside, name
