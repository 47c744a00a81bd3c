"""Who asks, over real sockets: by token, by key, from loopback; and a question that claims to be somebody else."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from coordinator.callers.who import Refused, Who, of_account
from sidecar import clock
from sidecar.policy import auth
from tests.coordinator.feed.house import House, bus, house, placed
from tests.coordinator.feed.objects import pod
from tests.support.kube import ApiServer, until

pytestmark = pytest.mark.kube

KEY = "0123456789abcdef0123456789abcdef"
BODY = b'{"namespace": "default", "workload": "default/gateway", "services": ["bus.default"]}'


@pytest.fixture
async def served() -> AsyncIterator[House]:
    async with ApiServer() as api, house(api, MESH_KEY=KEY) as found:
        await placed(api, pod("gateway-0", "gateway"), "10.1.0.7")
        await bus(api, "10.1.0.1")
        await until(lambda: found.feed._table.number >= 2)
        yield found


def token(served: House, **more: Any) -> dict[str, str]:
    text = served.api.tokens.issue("default", "gateway-0", audience="equilibrium.io", **more)
    return {"Authorization": f"Bearer {text}"}


def signed(body: bytes, workload: str = "default/gateway", key: str = KEY, **more: Any) -> dict[str, str]:
    at = more.pop("at", clock.wall_s())
    path = more.pop("path", b"/v1/endpoints")
    value = auth.sign(
        key.encode(),
        method=b"POST",
        path=path,
        body=body,
        workload=workload,
        now_unix_s=at,
        nonce="nonce" + str(at).replace(".", ""),
    )
    return {"X-GT-Auth": value.decode(), "X-GT-Caller": workload}


async def test_a_token_a_key_or_loopback_will_do(served: House) -> None:
    for headers in (
        {},
        token(served),
        signed(BODY),
        token(served, expires_s=-1) | signed(BODY, at=clock.wall_s() - 1),
    ):
        assert (await served.asked(BODY, headers))[0] == 200


@pytest.mark.parametrize("why", ["another key", "another body", "another path", "stale", "no caller", "used"])
async def test_a_signature_has_to_be_fresh_and_about_this_question(served: House, why: str) -> None:
    headers = {
        "another key": lambda: signed(BODY, key="x" * 32),
        "another body": lambda: signed(BODY + b" "),
        "another path": lambda: signed(BODY, path=b"/v1/advice"),
        "stale": lambda: signed(BODY, at=clock.wall_s() - 60),
        "no caller": lambda: {"X-GT-Auth": signed(BODY)["X-GT-Auth"]},
        "used": lambda: signed(BODY),
    }[why]()
    if why == "used":
        assert (await served.asked(BODY, headers))[0] == 200
    status, answer = await served.asked(BODY, headers)
    assert (status, answer["error"]) == (401, "unauthorized")
    assert "allowed:" in answer["detail"]


@pytest.mark.parametrize("authorization", ["Bearer x.y.z", "Basic dXNlcjpwdw==", "Bearer", "x"])
async def test_a_bad_credential_is_no_plain_call_even_from_loopback(
    served: House, authorization: str
) -> None:
    assert (await served.asked(BODY, {"Authorization": authorization}))[0] == 401


async def test_a_page_in_a_browser_is_no_plain_call(served: House) -> None:
    assert (await served.asked(BODY, {"Origin": "http://evil.example"}))[0] == 401


async def test_whoever_proves_one_namespace_cannot_speak_for_another(served: House) -> None:
    other = BODY.replace(b"default/gateway", b"other/gateway").replace(
        b'"namespace": "default"', b'"namespace": "other"'
    )
    for headers in (token(served), signed(other)):
        status, answer = await served.asked(other, headers)
        assert (status, answer["error"]) == (403, "forbidden")


async def test_while_the_api_server_is_away_the_key_is_as_good(served: House) -> None:
    async with served.api.gone():
        bearer = token(served)
        status, answer = await served.asked(BODY, bearer)
        assert (status, answer["error"]) == (503, "unavailable")
        assert (await served.asked(BODY, bearer | signed(BODY)))[0] == 200


async def test_a_refusal_says_what_it_wants_or_when_to_come_again(served: House) -> None:
    url = f"{served.url}/v1/endpoints"
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=BODY, headers={"Authorization": "Bearer x"}) as response:
            assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        async with (
            served.api.gone(),
            session.post(url, data=BODY, headers=token(served)) as response,
        ):
            assert (response.status, response.headers["Retry-After"]) == (503, "1")


async def test_a_question_that_is_too_large_is_refused_before_it_is_read(served: House) -> None:
    status, answer = await served.asked(b'{"services": [' + b" " * 600_000 + b"]}")
    assert (status, answer["error"]) == (413, "too-large")


# -- what is proven and what is only said. Pure.

POD = Who("shop", "", "gateway-0", "token")
SIGNED = Who("shop", "shop/gateway", "", "key")
LOCAL = Who("", "", "", "loopback")


def test_what_is_not_proven_is_taken_from_the_question() -> None:
    said = {"namespace": "shop", "workload": "shop/gateway", "pod": "gateway-0"}
    for who in (POD, SIGNED, LOCAL):
        assert who.claims(**said) == Who("shop", "shop/gateway", "gateway-0", who.proof)
    assert POD.claims() == POD
    assert LOCAL.claims(workload="shop/x").namespace == "shop"


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (POD, {"namespace": "other"}),
        (POD, {"workload": "other/gateway"}),
        (POD, {"pod": "gateway-1"}),
        (SIGNED, {"workload": "shop/ticket"}),
        (SIGNED, {"namespace": "other"}),
        (LOCAL, {"namespace": "shop", "workload": "other/x"}),
    ],
)
def test_a_question_that_contradicts_its_proof_is_forbidden(who: Who, said: dict[str, str]) -> None:
    with pytest.raises(Refused) as caught:
        who.claims(**said)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "username",
    ["kubernetes-admin", "system:node:n1", "system:serviceaccount:", "system:serviceaccount:a", ""],
)
def test_people_and_nodes_are_no_pods(username: str) -> None:
    assert of_account(username, "") is None


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "Via"])
async def test_who_a_proxy_on_this_host_speaks_for_is_not_known(served: House, header: str) -> None:
    assert (await served.asked(BODY, {header: "203.0.113.7"}))[0] == 401
    assert (await served.asked(BODY, {header: "203.0.113.7"} | token(served)))[0] == 200
