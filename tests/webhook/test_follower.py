"""Following one object: rung, looked at, retried, logged once, and stopped at any moment."""

import asyncio
import logging

import pytest

from injector.certs import follower
from injector.certs.follower import Follower
from sidecar.kube.access import Access
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError
from tests.support.kube import ApiServer, namespace
from tests.webhook.program import until

HOUR_S = 3600.0


@pytest.fixture
async def followed():
    """A Secret that is not there yet, in the double."""
    async with ApiServer() as api:
        client = Client(Access(api.url, token=api.token, ca_file=str(api.ca_file)))
        yield api, Follower(client, "/api/v1/namespaces/default/secrets", "one")
        await client.close()


def task(coroutine):
    return asyncio.get_running_loop().create_task(coroutine)


async def ended(*tasks):
    for each in tasks:
        each.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError)
        for end in await asyncio.gather(*tasks, return_exceptions=True)
    )


async def test_it_looks_at_once_and_then_only_when_rung(followed):
    _, following = followed
    looked = 0

    async def look():
        nonlocal looked
        looked += 1

    settling = task(following.settle(look, HOUR_S))
    for times in (1, 2):
        await until(lambda: looked == times, "never looked")  # noqa: B023 (awaited here)
        for _ in range(50):
            await asyncio.sleep(0)
        assert looked == times, "it looked without being rung"
        following.ring()
    await ended(settling)


async def test_every_change_of_the_object_and_none_of_its_neighbours_rings(followed):
    api, following = followed
    seen = []

    async def look():
        seen.append(await following.read())

    tasks = task(following.watch()), task(following.settle(look, HOUR_S))
    await until(lambda: len(seen) >= 2, "the list did not ring")
    await namespace(api, "elsewhere")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}}
    before = len(seen)
    await api.create({**secret, "metadata": {"name": "another"}})
    await api.create(secret)
    await until(lambda: seen[-1] is not None, "the creation did not ring")
    assert len(seen) == before + 1
    await api.delete("Secret", "default", "one")
    await until(lambda: seen[-1] is None, "the deletion did not ring")
    await ended(*tasks)


async def test_a_failure_is_logged_once_tried_again_and_forgotten_when_it_works(
    followed, monkeypatch, caplog
):
    monkeypatch.setattr(follower, "RETRY_S", 0.001)
    _, following = followed
    tries = 0

    async def look():
        nonlocal tries
        tries += 1
        if tries < 5:
            raise ApiError(0, "Unreachable", "nobody there")

    with caplog.at_level(logging.WARNING):
        settling = task(following.settle(look, HOUR_S))
        await until(lambda: tries == 5 and not following.failure, "it gave up")
    assert [record.getMessage() for record in caplog.records] == ["not settled"]
    await ended(settling)


async def test_a_mistake_of_ours_is_not_swallowed(followed):
    _, following = followed

    async def look():
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        await following.settle(look, HOUR_S)


async def test_a_ring_while_looking_means_another_look(followed):
    _, following = followed
    looked = 0

    async def look():
        nonlocal looked
        looked += 1
        if looked == 1:
            following.ring()
            await asyncio.sleep(0)

    settling = task(following.settle(look, HOUR_S))
    await until(lambda: looked == 2, "the ring was lost")
    for _ in range(50):
        await asyncio.sleep(0)
    assert looked == 2, "one ring is one look"
    await ended(settling)


async def test_cancelled_in_the_middle_of_a_look_it_ends(followed):
    _, following = followed
    looking = asyncio.Event()

    async def look():
        looking.set()
        await asyncio.Event().wait()

    settling = task(following.settle(look, HOUR_S))
    await looking.wait()
    await ended(settling)
