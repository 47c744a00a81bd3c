"""What can go wrong with a server, on demand."""

import aiohttp
import pytest

from tests.kube.objects import config, path
from tests.support.kube import until

pytestmark = pytest.mark.kube


async def test_a_server_that_is_gone_refuses_and_comes_back_as_it_was(double):
    made = await double.create(config("one"))
    url = double.url
    async with double.gone():
        with pytest.raises(aiohttp.ClientConnectorError):
            await double.request("GET", "/readyz")
    assert double.url == url
    assert await double.get("ConfigMap", "default", "one") == made


async def test_a_server_that_goes_takes_its_watches_along(double):
    async with double.watch(path("configmaps") + "?watch=1") as events:
        async with double.gone():
            with pytest.raises((aiohttp.ClientError, StopAsyncIteration)):
                await anext(events)
        await until(lambda: len(double.watches) == 0)


async def test_the_next_requests_fail_as_asked(double):
    double.faults.answer(429, times=2, retry_after_s=1)
    double.faults.answer(500)
    replies = [await double.request("GET", path("pods")) for _ in range(4)]
    assert [reply.status for reply in replies] == [429, 429, 500, 200]
    assert replies[0].headers["Retry-After"] == "1"
    assert replies[0].body.strip() == "Too many requests, please try again later."
    assert replies[2].body["reason"] == "InternalError"


async def test_an_expired_token_is_refused_until_there_is_a_new_one(double):
    old = double.token
    double.expire_token()
    reply = await double.request("GET", path("pods"))
    assert (reply.status, reply.body["reason"]) == (401, "Unauthorized")
    double.renew_token()
    assert double.token_file.read_text() == double.token != old
    assert (await double.request("GET", path("pods"))).status == 200


async def test_its_certificate_is_verified(double):
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(double.url)


async def test_what_was_asked_is_remembered(double):
    await double.request("GET", path("pods") + "?limit=1")
    assert double.requests == [("admin", "GET", path("pods") + "?limit=1")]
