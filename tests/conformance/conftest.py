"""Upstreams, lanes and the proxies between them: started once for all files of this folder."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conformance.lanes import Lane, Lanes
from tests.support import peers
from tests.support.sidecar import sidecar
from tests.support.upstream import Upstream

LANES = 48
PEER_LANES = 8


async def _upstreams(count: int) -> list[Upstream]:
    upstreams = [Upstream() for _ in range(count)]
    for upstream in upstreams:
        await upstream.start()
    return upstreams


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lanes]:
    """Our sidecar as a process, one service per lane."""
    upstreams = await _upstreams(LANES)
    names = [b"bus-lane-%02d" % number for number in range(LANES)]
    services = [
        {
            "host": name.decode(),
            "port": 8080,
            "endpoints": [{"address": upstream.address, "workload": "default/bus-service"}],
        }
        for name, upstream in zip(names, upstreams, strict=True)
    ]
    with sidecar({"services": services}, tmp_path_factory.mktemp("sidecar")) as addresses:
        yield Lanes([Lane(u, addresses.outbound, n) for u, n in zip(upstreams, names, strict=True)])
    for upstream in upstreams:
        await upstream.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def peer_lanes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Lanes]]:
    """Envoy and HAProxy, one listener per lane."""
    if reason := peers.missing():
        pytest.skip(reason)
    directory: Path = tmp_path_factory.mktemp("peers")
    lanes: dict[str, Lanes] = {}
    upstreams: list[Upstream] = []
    with ExitStack() as stack:
        for name, start in (("Envoy", peers.envoy), ("HAProxy", peers.haproxy)):
            own = await _upstreams(PEER_LANES)
            upstreams += own
            listeners = stack.enter_context(start([upstream.address for upstream in own], directory))
            lanes[name] = Lanes([Lane(u, address) for u, address in zip(own, listeners, strict=True)])
        yield lanes
    for upstream in upstreams:
        await upstream.stop()
