"""The coordinator and a real sidecar: what it wants is read, and what is proposed is signed, judged and answered."""

import asyncio
from contextlib import asynccontextmanager

from tests.coordinator.loop.world import driven, outcomes, pod, step, world
from tests.support.kube.resources import by_kind
from tests.support.sidecar import sidecar

KEY = "the-key-of-the-mesh"


@asynccontextmanager
async def with_real_sidecar(w, directory, name="a", **variables):
    """A pod whose sidecar is the program itself."""
    entered = sidecar({"services": []}, directory, POD=name, CONTAINER="app", WORKLOAD="shop/a", **variables)
    at = await asyncio.to_thread(entered.__enter__)
    try:
        host, _, port = at.admin.rpartition(":")
        await w.add(pod(name), None)
        key = (by_kind("Pod"), "shop", name)
        found = w.api.store.get(key)
        found["status"] |= {"podIP": host, "podIPs": [{"ip": host}]}
        found["metadata"]["annotations"]["equilibrium.io/status"] = f'{{"admin": {port}}}'
        w.api.store.put(key, found)
        yield
    finally:
        await asyncio.to_thread(entered.__exit__, None, None, None)


async def test_an_idle_pod_says_that_it_wants_nothing_and_consents_to_less(tmp_path):
    async with world() as w, driven(w, MESH_KEY=KEY) as c, with_real_sidecar(w, tmp_path, MESH_KEY=KEY):
        cycle = await step(w, c)
        ((grant, consent),) = cycle.consents
        seen = cycle.observations[grant.subject.uid]
        assert (seen.source, seen.demand) == ("sidecar", 0.0)
        assert grant.cpu_m is not None
        assert grant.cpu_m < 500
        assert consent.answer == "accepted"
        assert outcomes(cycle) == {"a": "applied"}


async def test_a_key_that_is_not_the_meshs_is_a_no_that_says_what_to_do(tmp_path):
    async with world() as w, driven(w, MESH_KEY="another") as c, with_real_sidecar(w, tmp_path, MESH_KEY=KEY):
        cycle = await step(w, c)
        ((_, consent),) = cycle.consents
        assert consent.answer == "vetoed"
        assert consent.reason.startswith("status-401: the sidecar does not know us: give the coordinator ")
        assert not cycle.outcomes
        assert await w.limits() == {"a": "500m"}


async def test_an_address_that_changed_hands_is_not_believed(tmp_path):
    async with world() as w, driven(w) as c, with_other(w, tmp_path):
        cycle = await step(w, c)
        (seen,) = cycle.observations.values()
        assert seen.source == "default"
        assert "shop/somebody" in seen.reason


@asynccontextmanager
async def with_other(w, directory):
    """The pod's address is that of another pod's sidecar."""
    async with with_real_sidecar(w, directory, name="somebody"):
        found = w.api.store.remove((by_kind("Pod"), "shop", "somebody"))
        found["metadata"] |= {"name": "a", "uid": "of-a"}
        w.api.store.put((by_kind("Pod"), "shop", "a"), found)
        yield
