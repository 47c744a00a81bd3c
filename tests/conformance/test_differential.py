"""Envoy, HAProxy and our proxy read the same bytes: what either of them refuses, we do not forward.

Being stricter than both is no failure. Being laxer needs a line in a table here, with its reason; a line that has
become untrue fails as well.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

import pytest
import pytest_asyncio

from tests.conformance.corpus import requests, responses
from tests.conformance.corpus.model import Answered, RequestCase, ResponseCase, Tunnelled
from tests.conformance.lanes import Lanes, Outcome, each

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = tuple(
    c for c in requests.CASES if not c.half_close and not isinstance(c.expect, Answered | Tunnelled)
)
PEERS = ("Envoy", "HAProxy")

FORWARDED_THOUGH_REFUSED: Mapping[str, str] = {
    "method-m-search": "Envoy's parser lacks a registered method (UPnP)",
    "absolute-no-path-query": "RFC 9112 §3.2.1 has this case; Envoy lacks a route for it, HAProxy reads `?` as host",
    "absolute-at-in-query": "an @ in a query is no userinfo; Envoy lacks a route for it, HAProxy reads `?` as host",
    "absolute-port": "Host differs from the target's authority: RFC 9112 §3.2.2 says to ignore it, HAProxy refuses",
    "absolute-host-replaced": "Host differs from the target's authority: RFC 9112 §3.2.2 says to ignore it",
    "asterisk-options": "RFC 9112 §3.2.4; Envoy routes nothing but paths",
    "field-name-1-kib": "HAProxy keeps a field name's length in one byte",
    "upgrade-other": "RFC 9110 §7.8: an Upgrade may be ignored; Envoy answers 403",
    "upgrade-tls": "RFC 9110 §7.8: an Upgrade may be ignored; Envoy answers 403",
    "upgrade-empty": "RFC 9110 §7.8: an Upgrade may be ignored; Envoy answers 403",
    "upgrade-list": "RFC 9110 §7.8: an Upgrade may be ignored; Envoy answers 403",
    "upgrade-two-fields": "RFC 9110 §7.8: an Upgrade may be ignored; Envoy answers 403",
    "upgrade-websocket-with-body": "the Upgrade is dropped and the body kept; Envoy waits for a tunnel",
    "upgrade-websocket-pipelined": "after a declined upgrade the connection is HTTP again; Envoy closes it",
}

DELIVERED_THOUGH_REFUSED: Mapping[str, str] = {
    "204-length": "RFC 9112 §6.3 delimits a 204 whatever it says; the field is dropped, as HAProxy does",
    "204-coding": "RFC 9112 §6.3 delimits a 204 whatever it says; the field is dropped, as HAProxy does",
}

BODY_DIFFERS: Mapping[str, str] = {
    "upgrade-websocket-with-chunked-body": "Envoy takes the request for a tunnel and forwards it without its body",
}

Outcomes = dict[str, dict[str, Outcome]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seen_requests(proxy: Lanes, peer_lanes: dict[str, Lanes]) -> Outcomes:
    """Proxy → case → outcome."""
    lanes = {"ours": proxy, **peer_lanes}
    outcomes = await asyncio.gather(
        *(each(REQUESTS, partial(one.request, patient=False)) for one in lanes.values())
    )
    return dict(zip(lanes, outcomes, strict=True))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seen_responses(proxy: Lanes, peer_lanes: dict[str, Lanes]) -> Outcomes:
    """Proxy → case → outcome."""
    lanes = {"ours": proxy, **peer_lanes}
    outcomes = await asyncio.gather(*(each(responses.CASES, one.response) for one in lanes.values()))
    return dict(zip(lanes, outcomes, strict=True))


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
async def test_no_request_is_forwarded_that_a_peer_refuses(
    seen_requests: Outcomes, case: RequestCase
) -> None:
    ours, *theirs = (_forwarded(seen_requests[name][case.name]) for name in ("ours", *PEERS))
    assert (ours > min(theirs)) == (case.name in FORWARDED_THOUGH_REFUSED), _story(seen_requests, case.name)


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
async def test_bodies_are_understood_alike(seen_requests: Outcomes, case: RequestCase) -> None:
    """Where all forward, all find the same bodies: a disagreement is a smuggling hole between two of us."""
    ours, *theirs = (_bodies(seen_requests[name][case.name]) for name in ("ours", *PEERS))
    comparable = [bodies for bodies in theirs if len(bodies) == len(ours)]
    assert all(bodies == ours for bodies in comparable) or case.name in BODY_DIFFERS, _story(
        seen_requests, case.name
    )


@pytest.mark.parametrize("case", responses.CASES, ids=lambda case: case.name)
async def test_no_response_is_delivered_that_a_peer_refuses(
    seen_responses: Outcomes, case: ResponseCase
) -> None:
    ours, *theirs = (_delivered(seen_responses[name][case.name]) for name in ("ours", *PEERS))
    assert (ours and not all(theirs)) == (case.name in DELIVERED_THOUGH_REFUSED), _story(
        seen_responses, case.name
    )


def _forwarded(outcome: Outcome) -> int:
    """Messages the upstream was given, readable or not."""
    return len(outcome.record.messages) + len(outcome.record.unreadable)


def _bodies(outcome: Outcome) -> list[bytes]:
    return [message.body for message in outcome.record.messages]


def _delivered(outcome: Outcome) -> bool:
    """A complete response that is not the proxy's own 5xx (the corpus sends none of these)."""
    finals = outcome.reply.finals
    return bool(finals) and finals[0].status not in (502, 503, 504)


def _story(outcomes: Outcomes, name: str) -> str:
    return "\n".join(
        f"{proxy}: {_forwarded(seen[name])} forwarded, answered {seen[name].reply.statuses}"
        for proxy, seen in outcomes.items()
    )
