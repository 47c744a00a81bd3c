"""A reflector tells what a collection holds, whatever happens to its connection: scripted servers, real sockets."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from sidecar.kube.backoff import LONGEST_S, REFUSED_S, Backoff
from sidecar.kube.client import Access, ApiError, Client
from sidecar.kube.watch import Reflector
from tests.kube.server import Asked, Script, Server, hang, served, transcript

PATH = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 5 (9)"}


def thing(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version), "managedFields": [{"manager": "x"}]}}


def listed(version: int, *names: str) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version)}, "items": [thing(name, version) for name in names]}


@dataclass
class Watching:
    """What a reflector was told, and how long it waited each time."""

    server: Server
    reflector: Reflector
    said: list[tuple[str, list[str]]] = field(default_factory=list)
    failed: list[ApiError] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)
    now: float = 0.0

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not wanted():
                await asyncio.sleep(0.002)


@asynccontextmanager
async def watching(script: Script, **options: Any) -> AsyncIterator[Watching]:
    """The reflector's waits take no time, but are written down; its clock is `now`."""
    async with served(script) as server:
        client = Client(Access(server.url))

        async def sleep(delay_s: float) -> None:
            made.slept.append(delay_s)
            await asyncio.sleep(0)

        def replaced(found: list[dict[str, Any]]) -> None:
            made.objects += found
            made.said.append(("=", [each["metadata"]["name"] for each in found]))

        def changed(kind: str, found: dict[str, Any]) -> None:
            made.objects.append(found)
            made.said.append((kind, [found["metadata"]["name"]]))

        reflector = Reflector(
            client,
            PATH,
            replaced,
            changed,
            failed=lambda error: made.failed.append(error),  # noqa: PLW0108 (made comes later)
            rng=random.Random(1),
            sleep=sleep,
            now=lambda: made.now,
            **options,
        )
        made = Watching(server, reflector)
        task = asyncio.create_task(reflector.run())  # noqa: TID251
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await client.close()
            assert task.cancelled(), "it runs until it is cancelled, and no error ends it"


def turns(*scripts: Callable[[Asked], Awaitable[None]]) -> Script:
    """One script a request; the last one for all that follow."""
    left = list(scripts)

    async def script(asked: Asked) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(asked)

    return script


def a_list(version: int, *names: str) -> Script:
    async def script(asked: Asked) -> None:
        assert not asked.watches
        await asked.answer(listed(version, *names))

    return script


def a_watch(*events: tuple[str, Any], then: str = "end") -> Script:
    async def script(asked: Asked) -> None:
        assert asked.watches
        asked.stream()
        for kind, found in events:
            asked.event(kind, found)
        await asked.writer.drain()
        if then == "hang":
            await hang(asked)
        if then == "break":
            asked.abort()
            raise EOFError
        asked.end()

    return script


def refused(status: int, body: object = b"", headers: str = "") -> Script:
    async def script(asked: Asked) -> None:
        await asked.answer(body, status, headers)

    return script


def versions(server: Server) -> list[str]:
    """For each request: the version a watch began at, or `list`."""
    return [asked.query["resourceVersion"] if asked.watches else "list" for asked in server.asked]


# -- as it should be


async def test_it_lists_then_watches_from_the_lists_version() -> None:
    script = turns(a_list(7, "a", "b"), a_watch(("ADDED", thing("c", 8)), then="hang"))
    async with watching(script) as made:
        await made.until(lambda: len(made.said) == 2)
        assert made.said == [("=", ["a", "b"]), ("ADDED", ["c"])]
        assert versions(made.server) == ["list", "7"]
        assert made.reflector.synced


async def test_what_nobody_reads_is_not_kept() -> None:
    script = turns(a_list(7, "a"), a_watch(("MODIFIED", thing("a", 8)), then="hang"))
    async with watching(script) as made:
        await made.until(lambda: len(made.objects) == 2)
        assert [each["metadata"].keys() for each in made.objects] == [{"name", "resourceVersion"}] * 2


async def test_the_next_watch_begins_where_the_last_event_was() -> None:
    script = turns(
        a_list(7), a_watch(("ADDED", thing("a", 8)), ("DELETED", thing("a", 9))), a_watch(then="hang")
    )
    async with watching(script) as made:
        await made.server.until(lambda asked: len(asked) == 3)
        assert versions(made.server) == ["list", "7", "9"]
        assert made.failed == [], "the end of a stream is nothing to report"


async def test_a_bookmark_moves_the_version_and_says_nothing() -> None:
    mark = {"kind": "EndpointSlice", "metadata": {"resourceVersion": "31"}, "endpoints": None}
    async with watching(turns(a_list(7), a_watch(("BOOKMARK", mark)), a_watch(then="hang"))) as made:
        await made.server.until(lambda asked: len(asked) == 3)
        assert versions(made.server) == ["list", "7", "31"]
        assert made.said == [("=", [])]


async def test_the_recorded_exchange_is_followed_to_its_end() -> None:
    lines = transcript("watch-endpointslices-with-bookmarks")["lines"]

    async def a_recorded_list(asked: Asked) -> None:
        await asked.answer(transcript("endpointslices-list")["body"])

    events = [(line["type"], line["object"]) for line in lines]
    async with watching(turns(a_recorded_list, a_watch(*events), a_watch(then="hang"))) as made:
        await made.server.until(lambda asked: len(asked) == 3)
        assert versions(made.server) == ["list", "287", "318"]
        assert made.said == [("=", ["bus-service-4svcs"])] + [("MODIFIED", ["bus-service-4svcs"])] * 4
        assert "managedFields" not in json.dumps(made.objects)


async def test_several_pages_are_one_replacement() -> None:
    async def script(asked: Asked) -> None:
        if asked.watches:
            await hang(asked)
        page = listed(7, "b" if "continue" in asked.query else "a")
        if "continue" not in asked.query:
            page["metadata"]["continue"] = "more"
        await asked.answer(page)

    async with watching(script) as made:
        await made.until(lambda: bool(made.said))
        assert made.said == [("=", ["a", "b"])]


# -- as it sometimes is


@pytest.mark.parametrize("how", ["answer", "event"])
async def test_a_forgotten_version_is_listed_again(how: str) -> None:
    gone = refused(410, GONE) if how == "answer" else a_watch(("ERROR", GONE))
    async with watching(turns(a_list(7, "a"), gone, a_list(20, "b"), a_watch(then="hang"))) as made:
        await made.server.until(lambda asked: len(asked) == 4)
        assert versions(made.server) == ["list", "7", "list", "20"]
        assert made.said == [("=", ["a"]), ("=", ["b"])]
        assert made.failed == [], "410 is how the protocol works"


async def test_a_list_that_expires_between_its_pages_begins_again() -> None:
    first = listed(7, "a") | {"metadata": {"resourceVersion": "7", "continue": "more"}}

    async def page(asked: Asked) -> None:
        await asked.answer(first)

    async with watching(turns(page, refused(410, GONE), a_list(9, "b"), a_watch(then="hang"))) as made:
        await made.server.until(lambda asked: len(asked) == 4)
        assert made.said == [("=", ["b"])], "half a list is not a list"


async def test_a_broken_stream_goes_on_where_it_was() -> None:
    script = turns(a_list(7), a_watch(("ADDED", thing("a", 8)), then="break"), a_watch(then="hang"))
    async with watching(script) as made:
        await made.server.until(lambda asked: len(asked) == 3)
        assert versions(made.server)[2] in ("8", "7"), "a reset may overtake the event before it"
        assert made.said[0] == ("=", []), "nothing was lost, so nothing is listed again"
        assert "list" not in versions(made.server)[1:]


async def test_a_silent_stream_is_listed_again() -> None:
    async def silent(asked: Asked) -> None:
        asked.stream()
        await hang(asked)

    async with watching(turns(a_list(7), silent, a_list(3, "z"), silent), idle_s=0.05) as made:
        await made.until(lambda: ("=", ["z"]) in made.said)
        assert versions(made.server)[:3] == ["list", "7", "list"], "a version of the future is silence"


@pytest.mark.parametrize(
    "trouble",
    [
        refused(500, b"oops"),
        refused(504, {"kind": "Status", "code": 504, "reason": "Timeout", "message": "Too large version"}),
        a_watch(("ERROR", {"kind": "Status", "code": 500, "reason": "InternalError"})),
        a_watch(("nonsense", "no object")),
    ],
    ids=["500", "from the future", "error event", "no event"],
)
async def test_trouble_is_reported_once_and_listed_again(trouble: Script) -> None:
    script = turns(a_list(7), trouble, a_list(8, "b"), a_watch(then="hang"))
    async with watching(script) as made:
        await made.server.until(lambda asked: len(asked) == 4)
        assert versions(made.server) == ["list", "7", "list", "8"]
        assert len(made.failed) == 1


async def test_one_outage_is_one_report() -> None:
    script = turns(*[refused(503)] * 6, a_list(7), a_watch(then="hang"))
    async with watching(script) as made:
        await made.until(lambda: made.reflector.synced)
        assert [error.status for error in made.failed] == [503]


async def test_the_next_outage_is_reported_again() -> None:
    script = turns(refused(503), a_list(7), refused(503), a_list(8), a_watch(then="hang"))
    async with watching(script) as made:
        await made.server.until(lambda asked: len(asked) == 5)
        assert [error.status for error in made.failed] == [503, 503]


async def test_a_server_that_went_away_is_followed_when_it_returns() -> None:
    async with watching(turns(a_list(7, "a"), a_watch(then="hang"))) as made:
        await made.server.until(lambda asked: len(asked) == 2)
        await made.server.stop()
        await made.until(lambda: len(made.slept) > 5)
        made.server.script = turns(a_watch(("MODIFIED", thing("a", 9)), then="hang"))
        await made.server.start()
        await made.until(lambda: len(made.said) == 2)
        assert made.said == [("=", ["a"]), ("MODIFIED", ["a"])]
        assert [error.reason for error in made.failed] == ["Unreachable"]


async def test_an_exception_of_whoever_listens_is_theirs_and_a_new_run_lists_again() -> None:
    said = []

    def replaced(found: list[dict[str, Any]]) -> None:
        said.append(len(found))
        if len(said) == 1:
            raise ZeroDivisionError

    async with served(turns(a_list(7, "a"), a_list(8, "a", "b"), a_watch(then="hang"))) as server:
        client = Client(Access(server.url))
        reflector = Reflector(client, PATH, replaced, lambda kind, found: None)
        with pytest.raises(ZeroDivisionError):
            await reflector.run()
        task = asyncio.create_task(reflector.run())  # noqa: TID251
        await server.until(lambda asked: len(asked) == 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()
        assert said == [1, 2]


@pytest.mark.parametrize("at", ["list", "watch", "sleep"])
async def test_it_can_be_cancelled_wherever_it_waits(at: str) -> None:
    async def script(asked: Asked) -> None:
        if at == "list":
            await hang(asked)
        elif at == "sleep":
            await asked.answer(b"", 500)
        elif asked.watches:
            asked.stream()
            await hang(asked)
        else:
            await asked.answer(listed(7))

    async with served(script) as server:
        client = Client(Access(server.url))
        reflector = Reflector(client, PATH, lambda found: None, lambda kind, found: None)
        task = asyncio.create_task(reflector.run())  # noqa: TID251
        await server.until(lambda asked: len(asked) == (2 if at == "watch" else 1))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert client._session is not None
        assert not client._session.connector._acquired  # type: ignore[union-attr]
        await client.close()


# -- how long it waits


@pytest.mark.parametrize("then", ["end", "break"])
async def test_a_stream_that_ends_at_once_again_and_again_is_no_hot_loop(then: str) -> None:
    async with watching(turns(a_list(7), a_watch(("BOOKMARK", thing("", 8)), then=then))) as made:
        await made.until(lambda: len(made.slept) >= 10)
        assert all(later >= 0.5 * LONGEST_S for later in made.slept[6:])


async def test_a_list_whose_version_is_gone_at_once_is_no_hot_loop() -> None:
    async def script(asked: Asked) -> None:
        await asked.answer(GONE, 410) if asked.watches else await asked.answer(listed(7))

    async with watching(script) as made:
        await made.until(lambda: len(made.slept) >= 10)
        assert all(later >= 0.5 * LONGEST_S for later in made.slept[6:])


async def test_after_a_stream_that_held_the_next_try_comes_soon() -> None:
    async def held(asked: Asked) -> None:
        asked.stream()
        asked.event("BOOKMARK", thing("", 9))
        await asked.writer.drain()
        await made.until(lambda: made.reflector._version == "9")
        made.now += 60.0
        asked.abort()
        raise EOFError

    async with watching(turns(*[refused(500)] * 8, a_list(7), held, a_watch(then="hang"))) as made:
        await made.server.until(lambda asked: len(asked) == 11)
        assert made.slept[-2] >= 0.5 * LONGEST_S, "a list alone has not shown that the server is well"
        assert made.slept[-1] <= 0.1


async def test_a_server_that_asks_for_patience_gets_it() -> None:
    script = turns(refused(429, headers="Retry-After: 9\r\n"), a_list(7), a_watch(then="hang"))
    async with watching(script) as made:
        await made.until(lambda: made.reflector.synced)
        assert made.slept[0] == 9.0


async def test_what_we_may_not_know_is_asked_for_less_often() -> None:
    async with watching(refused(403, transcript("resize-forbidden-403")["body"])) as made:
        await made.until(lambda: len(made.slept) >= 12)
        assert made.slept[-1] > LONGEST_S
        assert [error.status for error in made.failed] == [403]


def test_waits_double_up_to_a_bound_that_keeps_the_promise_of_five_seconds() -> None:
    backoff = Backoff(random.Random(1))
    waits = [backoff.next_s() for _ in range(50)]
    assert waits[0] <= 0.1
    assert max(waits) <= LONGEST_S <= 3.0
    assert len(set(waits[10:])) > 30, "not everybody shall come back at the same time"


def test_waits_start_over_after_success() -> None:
    backoff = Backoff(random.Random(1))
    for _ in range(10):
        backoff.next_s(longest_s=REFUSED_S)
    backoff.reset()
    assert backoff.next_s(longest_s=REFUSED_S) <= 0.1
