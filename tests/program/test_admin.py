"""The admin port: who may ask what, and what it says."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from sidecar import clock
from sidecar.admin import Admin, Controls
from sidecar.exposition import Registry
from sidecar.policy import auth
from tests.program.process import Program, discovery, program, service, trouble
from tests.program.wire import ask, client, pods, request, scrape, until
from tests.proxy.pods import answer_ok, hang

KEY = "a-key-nobody-may-see"
CALLER = "default/operator"
OPEN = ["/", "/metrics", "/livez", "/readyz", "/demand"]
CLOSED = [
    ("GET", "/state"),
    ("GET", "/flight"),
    ("POST", "/negotiate"),
    ("POST", "/drain"),
    ("POST", "/quitquitquit"),
]

_nonces = itertools.count(10_000_000)


def signed(method: str, path: str, body: bytes = b"", /, key: str = KEY, **changes: Any) -> bytes:
    """A request with `X-GT-Auth`; `changes` are what is signed instead of the truth."""
    claim: dict[str, Any] = {
        "method": method.encode(),
        "path": path.encode(),
        "body": body,
        "workload": CALLER,
        "now_unix_s": clock.wall_s(),
        "nonce": str(next(_nonces)),
        **changes,
    }
    proof = auth.sign(key.encode(), **claim).decode()
    return request(path, method, body, x_gt_auth=proof, x_gt_caller=CALLER)


async def status(sidecar: Program, raw: bytes) -> int:
    return (await ask(sidecar.admin, raw)).status


# -- who may


async def test_a_plain_call_from_loopback_needs_no_credentials(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        assert await status(sidecar, request("/state")) == 200
        assert await status(sidecar, request("/state?verbose=1")) == 200


async def test_a_page_in_a_browser_is_refused(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        for method, path in CLOSED:
            assert await status(sidecar, request(path, method, origin="http://localhost:15490")) == 401, path
            assert await status(sidecar, request(path, method, origin="null")) == 401, path
            assert await status(sidecar, request("/readyz")) == 200, "and nothing has happened"


async def test_open_pages_are_open_to_all(tmp_path: Path) -> None:
    async with program(tmp_path, discovery(), MESH_KEY=KEY) as sidecar:
        for path in OPEN:
            assert await status(sidecar, request(path)) == 200, path
            assert await status(sidecar, request(path, origin="http://grafana.example")) == 200, path
            assert await status(sidecar, request(path, x_gt_auth="v1 nonsense")) == 200, path


async def test_the_mesh_key_opens_what_is_closed(tmp_path: Path) -> None:
    async with program(tmp_path, discovery(), MESH_KEY=KEY) as sidecar:
        assert await status(sidecar, signed("GET", "/state")) == 200
        assert await status(sidecar, signed("GET", "/state?x=1")) == 200, (
            "the query is part of what is signed"
        )
        assert await status(sidecar, signed("POST", "/drain", b'{"why": "maintenance"}')) == 200


WRONG: list[dict[str, Any]] = [
    {"key": "another key"},
    {"method": b"GET"},
    {"path": b"/quitquitquit"},
    {"body": b""},
    {"body": b'{"why": "another"}'},
    {"workload": "default/somebody"},
    {"now_unix_s": 0.0},
    {"now_unix_s": 2.0**33},
]


async def test_a_proof_of_something_else_is_refused(tmp_path: Path) -> None:
    async with program(tmp_path, discovery(), MESH_KEY=KEY) as sidecar:
        body = b'{"why": "maintenance"}'
        for wrong in WRONG:
            assert await status(sidecar, signed("POST", "/drain", body, **wrong)) == 401, wrong
            assert await status(sidecar, request("/readyz")) == 200, "and nothing has happened"


async def test_a_proof_counts_once(tmp_path: Path) -> None:
    async with program(tmp_path, discovery(), MESH_KEY=KEY) as sidecar:
        raw = signed("GET", "/state")
        assert await status(sidecar, raw) == 200
        assert await status(sidecar, raw) == 401, "replayed"
        assert await status(sidecar, raw) == 401, "and again"
        assert await status(sidecar, signed("GET", "/state")) == 200, "a new one is as good as ever"


async def test_a_proof_is_refused_where_there_is_no_key(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        assert await status(sidecar, signed("GET", "/state")) == 401


async def test_nonsense_for_a_proof_is_refused(tmp_path: Path) -> None:
    async with program(tmp_path, discovery(), MESH_KEY=KEY) as sidecar:
        for value in ("", "v1", "v2 t=1,n=abcdefgh,mac=00", "v1 " + "t" * 8000):
            assert await status(sidecar, request("/state", x_gt_auth=value, x_gt_caller=CALLER)) == 401, value


async def test_a_caller_in_any_script_is_refused_politely(tmp_path: Path) -> None:
    async with program(tmp_path, discovery(), MESH_KEY=KEY) as sidecar:
        raw = request("/state", x_gt_auth="v1", x_gt_caller="CALLER")
        for caller in ("€", "default/\u4e16\u754c", "\ud800"):
            name = caller.encode("utf-8", "surrogatepass")
            assert await status(sidecar, raw.replace(b"CALLER", name)) == 401, name


async def test_a_body_too_large_to_check_is_refused(tmp_path: Path) -> None:
    async with program(tmp_path, discovery(), MESH_KEY=KEY) as sidecar:
        assert await status(sidecar, signed("POST", "/drain", b"x" * 100_000)) == 413
        assert await status(sidecar, request("/readyz")) == 200


NOISE = {
    "tls": b"\x16\x03\x01\x00\x05hello\r\n\r\n",
    "garbage": b"GET / garbage\r\n\r\n",
    "target": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "nothing": b"",
}


async def test_strangers_noise_leaves_no_traceback(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        for kind, raw in NOISE.items():
            async with client(sidecar.admin) as scanner:
                scanner.writer.write(raw)
                scanner.writer.write_eof()
                await asyncio.wait_for(scanner.reader.read(), 10)
            assert await status(sidecar, request("/livez")) == 200, kind
            assert not trouble(sidecar.stderr), kind


async def test_another_spelling_is_no_way_round(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        for path in ("/state/", "//state", "/../state", "/%73tate", "/nowhere"):
            assert await status(sidecar, request(path, origin="http://evil.example")) in {401, 404}, path


class Guarded:
    """The admin port as somebody at `remote` meets it, without a network that has such an address."""

    def __init__(self, key: str | None = None) -> None:
        controls = Controls(
            lambda: "",
            dict,
            lambda _: None,
            lambda: None,
            lambda: None,
            dict,
            bytes,
            AsyncMock(return_value=(200, {})),
        )
        verifier = auth.Verifier(key.encode()) if key else None
        self.admin = Admin(controls, Registry(), verifier)

    async def status(self, remote: str, path: str, **fields: str) -> int:
        async def reached(_: web.Request) -> web.StreamResponse:
            return web.Response()

        transport = Mock(
            get_extra_info=lambda name, default=None: (remote, 4) if name == "peername" else default
        )
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        asked = make_mocked_request("GET", path, headers, transport=transport)
        return (await self.admin._guard(asked, cast(Any, reached))).status


@pytest.mark.parametrize("remote", ["10.0.0.9", "fd00::9", "::ffff:10.0.0.9", "169.254.1.1", "", "nonsense"])
async def test_from_elsewhere_only_open_pages_are_open(remote: str) -> None:
    guarded = Guarded()
    for _, path in CLOSED:
        assert await guarded.status(remote, path) == 401, "no key is configured: nobody from outside"
    for path in OPEN:
        assert await guarded.status(remote, path) == 200


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_every_loopback_address_is_loopback(remote: str) -> None:
    assert await Guarded().status(remote, "/state") == 200


async def test_from_elsewhere_the_key_opens_it() -> None:
    proof = auth.sign(
        KEY.encode(),
        method=b"GET",
        path=b"/state",
        body=b"",
        workload=CALLER,
        now_unix_s=clock.wall_s(),
        nonce="n0123456789",
    ).decode()
    guarded = Guarded(KEY)
    assert await guarded.status("10.0.0.9", "/state") == 401
    assert await guarded.status("10.0.0.9", "/state", x_gt_auth=proof, x_gt_caller=CALLER) == 200


@pytest.mark.parametrize("field", ["x_forwarded_for", "x_real_ip", "forwarded", "host"])
async def test_saying_loopback_is_not_being_loopback(field: str) -> None:
    assert await Guarded().status("10.0.0.9", "/state", **{field: "127.0.0.1"}) == 401


# -- what it says


async def test_readyz_says_what_it_waits_for(tmp_path: Path) -> None:
    async with program(tmp_path, None, synced=False) as sidecar:
        waiting = await ask(sidecar.admin, request("/readyz"))
        assert waiting.status == 503
        assert b"discovery has said nothing yet" in waiting.body
        assert sidecar.discovery.name.encode() in waiting.body, "it names the file"
        assert b"No such file" in waiting.body, "and what is wrong with it"
        assert await status(sidecar, request("/livez")) == 200, "a restart would not help"
        sidecar.publish(discovery())

        async def ready() -> bool:
            return await status(sidecar, request("/readyz")) == 200

        await until(ready, "/readyz turns 200 once the file is there")


@pytest.mark.parametrize("document", ["{}", "services: []\ncallers: []\n"])
async def test_a_workload_that_calls_nobody_is_ready(tmp_path: Path, document: str) -> None:
    async with program(tmp_path, document, synced=False) as sidecar:

        async def looked() -> bool:
            return await status(sidecar, request("/readyz")) == 200

        await until(looked, "a file without services is a file that has been read", patience_s=60)


async def test_state_shows_what_is_known_and_what_is_going_on(tmp_path: Path) -> None:
    async with (
        pods(hang, answer_ok) as (slow, quick),
        program(
            tmp_path,
            {"services": [service(slow.address, host="slow", port=81), service(quick.address, host="quick")]},
            WORKLOAD="shop/ticket-service",
            STRATEGY="none",
            MESH_KEY=KEY,
        ) as sidecar,
        client(sidecar.outbound) as busy,
        client(sidecar.outbound),
    ):
        for _ in range(3):
            assert (await ask(sidecar.outbound, request("/x?token=s3cret", host="quick"))).status == 200
        busy.writer.write(request("/x", host="slow"))
        await asyncio.wait_for(slow.asked.wait(), 10)
        answer = await ask(sidecar.admin, request("/state"))
        assert answer.field(b"Content-Type") == b"application/json"
        state = json.loads(answer.body)
        assert state["workload"] == "shop/ticket-service"
        assert state["strategy"] == "none"
        assert state["draining"] is False
        assert {"source", "usage_bytes", "limit_bytes", "app"} == set().union(*state["memory"])
        assert state["outbound"] == {"in_flight": 1, "connections": 2}
        assert state["inbound"] == {"in_flight": 0, "connections": 0}
        assert set(state["services"]) == {"slow", "quick"}
        known = state["services"]["quick"]
        assert (known["host"], known["port"]) == ("quick", 8080)
        assert known["endpoints"] == {quick.address: "bus-0"}
        assert known["mix"] == {quick.address: 1.0}
        assert known["settled"][quick.address] == {"succeeded": 3, "failed": 0, "abandoned": 0}
        assert known["policy_failures"] == 0
        assert state["services"]["slow"]["in_flight"] == {slow.address: 1}
        for secret in (KEY, "s3cret"):
            assert secret.encode() not in answer.body, "secrets and query strings never enter it"


# -- a discovery file that goes wrong

BAD_EDITS = {
    "not-yaml": "services: [",
    "half-a-file": '{"services": [{"host": "bus-serv',
    "a-mistake": "services: [{host: bus-service, prot: 8080}]",
    "empty": "",
    "binary": "services: \x00",
}


@pytest.mark.parametrize("bad", BAD_EDITS.values(), ids=BAD_EDITS)
async def test_a_bad_edit_is_reported_and_changes_nothing(tmp_path: Path, bad: str) -> None:
    async with (
        pods(answer_ok, answer_ok) as (first, second),
        program(tmp_path, discovery(first.address)) as sidecar,
    ):
        sidecar.publish(bad)
        await until(lambda: "WARNING discovery:" in sidecar.stderr, "a bad edit is reported on stderr")
        assert str(sidecar.discovery) in sidecar.stderr, "it names the file"
        metrics = await scrape(sidecar.admin)
        assert metrics.total("equilibrium_events_total", kind="discovery_error") == 1, "counted, once"
        for _ in range(3):
            assert (await ask(sidecar.outbound, request("/x"))).status == 200, "the last good stays in force"
        assert await status(sidecar, request("/readyz")) == 200, (
            "a typo does not take the pod out of rotation"
        )
        sidecar.publish(discovery(second.address))

        async def moved() -> bool:
            await ask(sidecar.outbound, request("/x"))
            return bool(second.calls)

        await until(moved, "the next good edit counts")
        assert (await scrape(sidecar.admin)).total("equilibrium_events_total", kind="discovery_error") == 1


async def test_losing_the_file_changes_nothing(tmp_path: Path) -> None:
    async with pods(answer_ok) as (pod,), program(tmp_path, discovery(pod.address)) as sidecar:
        sidecar.discovery.unlink()
        await until(lambda: "WARNING discovery:" in sidecar.stderr, "a lost file is reported")
        assert (await ask(sidecar.outbound, request("/x"))).status == 200
