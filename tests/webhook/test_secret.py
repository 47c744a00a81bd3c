"""The one Secret and its several writers: one wins, the others read what it wrote, whatever goes wrong in between."""

import asyncio

import pytest

from injector.certs import keyring, mint
from injector.certs.follower import Follower
from injector.certs.keyring import Terms
from injector.certs.secret import Keeper
from sidecar.kube.access import Access
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError
from tests.support.kube import ApiServer
from tests.webhook.minting import in_process

TERMS = Terms(("hook.default.svc",), leaf_s=3600.0)


class Replica:
    """A keeper with a client of its own, and what it would serve."""

    def __init__(self, api: ApiServer, token: str = "") -> None:
        self.client = Client(Access(api.url, token=token or api.token, ca_file=str(api.ca_file)))
        self.served: list[keyring.Keyring] = []
        self.renewals = 0
        self.keeper = Keeper(
            self.client,
            Follower(self.client, "/api/v1/namespaces/default/secrets", "certificates"),
            TERMS,
            serve=self.served.append,
            trusted=lambda authority: False,
            renewed=self._renewed,
        )

    def _renewed(self) -> None:
        self.renewals += 1


@pytest.fixture
async def api():
    async with ApiServer() as cluster:
        yield cluster


@pytest.fixture
async def replicas(api):
    made = [Replica(api) for _ in range(3)]
    yield made
    for each in made:
        await each.client.close()


@pytest.fixture
def together(monkeypatch):
    """All replicas have read, and decided to write, before any of them does."""
    barrier = asyncio.Barrier(3)
    met = False

    async def make(order, ring, terms, now_s):
        nonlocal met
        if not met:
            await barrier.wait()
            met = True
        return in_process(order, ring, terms, now_s)

    monkeypatch.setattr(mint, "make", make)


async def settled(replicas):
    await asyncio.gather(*(each.keeper.settle() for each in replicas))
    return {each.served[-1] for each in replicas}


async def test_of_three_that_find_none_one_creates_it_and_all_serve_it(replicas, together):
    assert len(await settled(replicas)) == 1
    assert sum(each.renewals for each in replicas) == 1


async def test_of_three_that_find_it_damaged_one_writes_and_all_serve_it(api, replicas, together):
    metadata = {"name": "certificates", "namespace": "default"}
    await api.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"tls.crt": "AAAA"}}
    )
    assert len(await settled(replicas)) == 1
    assert sum(each.renewals for each in replicas) == 1


async def test_nothing_is_served_that_is_not_in_the_secret(api, replicas):
    one = replicas[0]
    await one.keeper.settle()
    stored = keyring.from_secret((await api.get("Secret", "default", "certificates"))["data"])
    assert one.served == [stored]
    assert await one.keeper.held() == stored


async def test_what_is_served_outlives_an_api_server_that_refuses_the_next_write(api, replicas):
    one = replicas[0]
    await one.keeper.settle()
    secret = await api.get("Secret", "default", "certificates")
    secret["data"]["ca.key"] = ""
    await api.update(secret)
    reading = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    reader = Replica(api, api.allow([reading]))
    with pytest.raises(ApiError, match="Forbidden"):
        await reader.keeper.settle()
    assert reader.served[-1].leaf == one.served[-1].leaf
    await reader.client.close()


async def test_cancelled_while_certificates_are_made_it_can_settle_again(replicas, monkeypatch):
    making = asyncio.Event()

    async def never(*_):
        making.set()
        await asyncio.Event().wait()

    one = replicas[0]
    with monkeypatch.context() as patched:
        patched.setattr(mint, "make", never)
        settling = asyncio.get_running_loop().create_task(one.keeper.settle())
        await making.wait()
        settling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await settling
    await one.keeper.settle()
    assert len(one.served) == 1
