"""Every case against the running sidecar: whole, then cut in two at every position.

A cut must not change anything a user can see, so the judgement is the same table both times.
"""

import asyncio

import pytest

from tests.conformance import judge
from tests.conformance.corpus import requests, responses
from tests.conformance.corpus.model import RequestCase, ResponseCase
from tests.conformance.cuts import cuts
from tests.conformance.lanes import Lanes
from tests.support import client
from tests.support.messages import take_response
from tests.support.upstream import OK

pytestmark = pytest.mark.asyncio(loop_scope="session")

SURPLUS = tuple(case for case in responses.CASES if case.surplus)


@pytest.mark.parametrize("case", requests.CASES, ids=lambda case: case.name)
async def test_request_whole(proxy: Lanes, case: RequestCase) -> None:
    wrong = judge.request(case, await proxy.request(case))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("case", responses.CASES, ids=lambda case: case.name)
async def test_response_whole(proxy: Lanes, case: ResponseCase) -> None:
    wrong = judge.response(case, await proxy.response(case))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("case", requests.CASES, ids=lambda case: case.name)
async def test_request_cut_in_two(proxy: Lanes, case: RequestCase) -> None:
    positions = cuts(case.raw)
    outcomes = await asyncio.gather(*(proxy.request(case, at) for at in positions))
    wrong = {at: judge.request(case, outcome) for at, outcome in zip(positions, outcomes, strict=True)}
    assert {at: complaints for at, complaints in wrong.items() if complaints} == {}


@pytest.mark.parametrize("case", responses.CASES, ids=lambda case: case.name)
async def test_response_cut_in_two(proxy: Lanes, case: ResponseCase) -> None:
    positions = [at for at in cuts(case.raw) if at < _end_of_response(case)]
    outcomes = await asyncio.gather(*(proxy.response(case, at) for at in positions))
    wrong = {at: judge.response(case, outcome) for at, outcome in zip(positions, outcomes, strict=True)}
    assert {at: complaints for at, complaints in wrong.items() if complaints} == {}


@pytest.mark.parametrize("case", SURPLUS, ids=lambda case: case.name)
async def test_surplus_bytes_are_nobodys_answer(proxy: Lanes, case: ResponseCase) -> None:
    """RFC 9112 §6.3: what follows a response is not the answer to the next request."""
    async with proxy.one() as lane:
        lane.upstream.expect(case.answer)
        await client.exchange(lane.address, (lane.own(case.request),), methods=(case.method,), responses=1)
        record = lane.upstream.expect(OK)
        reply = await client.exchange(
            lane.address, (lane.own(b"GET / HTTP/1.1\r\nHost: bus-service\r\n\r\n"),), responses=1
        )
    assert [answer.body for answer in reply.finals] == [b"ok"]
    assert record.connections == 1, "the connection with the surplus was used again"


def _end_of_response(case: ResponseCase) -> int:
    """Cutting a surplus off would only test who is faster: it must arrive with the end of its response."""
    if not case.surplus:
        return len(case.raw)
    response = take_response(case.raw, case.method, eof=False)
    assert response is not None
    return response.size
