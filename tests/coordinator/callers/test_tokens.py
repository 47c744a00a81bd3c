"""Tokens of pods, reviewed by the API double: as few reviews as needed, and what counts while nobody can be asked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from coordinator.callers import tokens as module
from coordinator.callers.tokens import Tokens
from coordinator.callers.verdicts import FRESH_S, KEPT_S, REFUSED_S, Verdict, Verdicts, ends_at
from coordinator.callers.who import Refused, Who
from sidecar.kube.access import Access
from sidecar.kube.client import Client
from tests.coordinator.feed.objects import pod
from tests.support.kube import ApiServer

pytestmark = pytest.mark.kube

AUDIENCE = "equilibrium.io"
GATEWAY = Who("default", "", "gateway-0", "token")


@dataclass
class Desk:
    """An API server, who asks it, and a clock."""

    api: ApiServer
    client: Client
    tokens: Tokens
    now: float = 0.0

    def issue(self, **more: Any) -> str:
        return self.api.tokens.issue("default", "gateway-0", audience=more.pop("audience", AUDIENCE), **more)

    def reviews(self) -> int:
        return sum("tokenreviews" in url for _, _, url in self.api.requests)

    async def refused(self, token: str) -> Refused:
        with pytest.raises(Refused) as caught:
            await self.tokens.who(token)
        return caught.value


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with ApiServer() as api:
        await api.create(pod("gateway-0", "gateway"))
        token = api.allow(
            [{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}]
        )
        client = Client(Access(api.url, token=token, ca_file=str(api.ca_file)))
        found = Desk(api, client, Tokens(client, now=lambda: found.now))
        yield found
        await client.close()


async def test_a_token_proves_a_pod_of_a_namespace(desk: Desk) -> None:
    assert await desk.tokens.who(desk.issue()) == GATEWAY


async def test_a_token_of_an_account_alone_proves_its_namespace(desk: Desk) -> None:
    token = desk.api.tokens.issue("default", "", audience=AUDIENCE)
    assert await desk.tokens.who(token) == Who("default", "", "", "token")


@pytest.mark.parametrize(
    "why", ["another audience", "expired", "made up", "no token", "the API server's own", "no ASCII"]
)
async def test_a_token_that_is_not_good_is_refused_and_told_what_is(desk: Desk, why: str) -> None:
    token = {
        "another audience": lambda: desk.issue(audience="istio-ca"),
        "expired": lambda: desk.issue(expires_s=-1),
        "made up": lambda: "a.b.c",
        "no token": lambda: "",
        "the API server's own": lambda: desk.api.token,
        "no ASCII": lambda: "tökén",
    }[why]()
    refused = await desk.refused(token)
    assert refused.status == 401
    assert "allowed:" in refused.detail


async def test_a_pod_that_is_gone_has_no_token_any_more(desk: Desk) -> None:
    token = desk.issue()
    await desk.tokens.who(token)
    await desk.api.delete("Pod", "default", "gateway-0", grace_s=0)
    desk.now = FRESH_S - 1
    assert await desk.tokens.who(token) == GATEWAY, "noticed this much later"
    desk.now = FRESH_S + 1
    assert (await desk.refused(token)).status == 401


async def test_one_review_counts_for_a_while_and_for_all_who_ask_meanwhile(desk: Desk) -> None:
    token = desk.issue()
    found = await asyncio.gather(*(desk.tokens.who(token) for _ in range(50)))
    assert set(found) == {GATEWAY}
    assert desk.reviews() == 1
    desk.now = FRESH_S + 1
    await desk.tokens.who(token)
    assert desk.reviews() == 2
    assert desk.tokens.reviews == {"good": 2}


async def test_a_refusal_counts_for_a_short_while(desk: Desk) -> None:
    for _ in range(3):
        await desk.refused("a.b.c")
    assert desk.reviews() == 1
    desk.now = REFUSED_S + 1
    await desk.refused("a.b.c")
    assert desk.reviews() == 2


async def test_no_verdict_outlives_its_token(desk: Desk) -> None:
    token = desk.issue(expires_s=60)
    await desk.tokens.who(token)
    desk.now = 61.0
    await desk.tokens.who(token)
    assert desk.reviews() == 2, "asked again, although the verdict was fresh"


async def test_whoever_is_cancelled_leaves_the_review_to_the_next(desk: Desk) -> None:
    token = desk.issue()
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(desk.tokens.who(token)) for _ in range(3)]
        await asyncio.sleep(0)
        asking[0].cancel()
    assert [each.result() for each in asking[1:]] == [GATEWAY, GATEWAY]
    assert desk.tokens._pending == {}


async def test_while_the_api_server_is_away_the_last_good_verdict_counts(desk: Desk) -> None:
    token, unknown = desk.issue(), desk.issue()
    await desk.tokens.who(token)
    async with desk.api.gone():
        desk.now = FRESH_S + 1
        assert await desk.tokens.who(token) == GATEWAY
        refused = await desk.refused(unknown)
        assert (refused.status, refused.retry_after_s) == (503, module.AWAY_S)
        desk.now = KEPT_S + 1
        assert (await desk.refused(token)).status == 503, "but not for ever"
    desk.now += module.AWAY_S + 0.1
    assert await desk.tokens.who(unknown) == GATEWAY


async def test_an_api_server_that_fails_is_left_alone_for_a_moment(desk: Desk) -> None:
    desk.api.faults.answer(500, times=1)
    for _ in range(20):
        assert (await desk.refused(desk.issue())).status == 503
    assert desk.tokens.reviews == {"failed": 1}
    desk.now = module.AWAY_S + 0.1
    assert await desk.tokens.who(desk.issue()) == GATEWAY


async def test_a_mishap_is_told_once(desk: Desk) -> None:
    told: list[str] = []
    client = Client(Access(desk.api.url, token=desk.api.allow([]), ca_file=str(desk.api.ca_file)))
    tokens = Tokens(client, failed=lambda error: told.append(error.reason), now=lambda: desk.now)
    for turn in range(3):
        desk.now = 10.0 * turn
        with pytest.raises(Refused) as caught:
            await tokens.who(desk.issue())
        assert caught.value.status == 503
    assert told == ["Forbidden"]
    await client.close()


async def test_too_many_tokens_at_a_time_have_to_come_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    found = await asyncio.gather(*(desk.tokens.who(desk.issue()) for _ in range(4)), return_exceptions=True)
    assert [each.status for each in found if isinstance(each, Refused)] == [503, 503]
    assert found[:2] == [GATEWAY, GATEWAY]


# -- what is remembered. Pure.


def test_only_so_many_are_remembered() -> None:
    kept = Verdicts(most=2)
    for key in (b"a", b"b"):
        kept.put(key, Verdict(GATEWAY, 0.0, 9.0))
    kept.get(b"a")
    kept.put(b"c", Verdict(GATEWAY, 0.0, 9.0))
    assert len(kept) == 2
    assert kept.get(b"b") is None, "the one not used for longest"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.e30.c", "a.W10.c", "a.eyJleHAiOiJ4In0.c", "ä.ö.ü"])
def test_a_token_that_does_not_say_when_it_ends_is_taken_by_the_reviews_word(token: str) -> None:
    assert ends_at(token, 1000.0, 5.0) == float("inf")


def test_a_refusal_never_stands_in_for_a_review() -> None:
    assert not Verdict(Refused(401, "x"), 0.0, float("inf")).stands(0.0)


async def test_a_token_that_has_ended_is_not_worth_a_review_for_each_who_shows_it(desk: Desk) -> None:
    token = desk.issue(expires_s=-1)
    await asyncio.gather(*(desk.refused(token) for _ in range(50)))
    assert desk.reviews() == 1
