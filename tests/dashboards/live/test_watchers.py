"""What a browser, or somebody who is none, may ask of the stream of events."""

import re

import aiohttp
import pytest

from dashboards.live.watchers import Watchers
from tests.dashboards.live.test_stream import Served, serving


def test_an_id_with_more_digits_than_a_number_has_is_that_of_a_stranger() -> None:
    """`int` refuses more than 4,300 of them (CPython's limit), and a head may have 8,190."""
    all_of_them = Watchers(4)
    first = all_of_them.join()
    all_of_them.publish({"a": 0})
    said = re.search(rb"id: (\w+)\.(\d+)\n", all_of_them.take(first))
    assert said is not None
    life, number = said[1].decode(), said[2].decode()
    assert not all_of_them.join(f"{life}.{number}").behind
    assert all_of_them.join(f"{life}.{'9' * 5000}").behind
    assert all_of_them.join(f"{life}.٣").behind


async def test_a_question_about_the_head_alone_is_refused_and_takes_nobodys_place() -> None:
    """The stream would follow as a body: to a client, the answer to its next question (RFC 9110 9.3.2)."""
    served = Served()
    connector = aiohttp.TCPConnector(limit=1)
    async with serving(served), aiohttp.ClientSession(served.url, connector=connector) as one_connection:
        async with one_connection.head("/live/events") as answer:
            assert answer.status == 405
        async with one_connection.head("/live") as answer:
            assert answer.status == 200
        assert not len(served.stream.watchers)


@pytest.mark.parametrize("path", ["/live", "/live/live.js", "/live/frame", "/live/events"])
@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "Via"])
async def test_whoever_a_proxy_on_this_host_speaks_for_sees_nothing(path: str, name: str) -> None:
    served = Served()
    async with serving(served) as session:
        async with session.get(path, headers={name: "192.0.2.7"}) as answer:
            assert answer.status == 403
        async with session.get(path) as answer:
            assert answer.status == 200
