"""The client against a scripted server on real sockets, and against what the real server once said."""

import asyncio
import datetime as dt
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sidecar.errors import ConfigError
from sidecar.kube import client as kube_client
from sidecar.kube.access import in_cluster
from sidecar.kube.client import Access, ApiError, Client
from tests.kube.server import Asked, Script, Server, hang, said, served, transcript

SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


@asynccontextmanager
async def talking(script: Script, **options: Any) -> AsyncIterator[tuple[Client, Server]]:
    async with served(script) as server:
        client = Client(Access(server.url), **options)
        try:
            yield client, server
        finally:
            await client.close()


async def events_of(client: Client, version: str = "1", **options: Any) -> list[tuple[str, dict[str, Any]]]:
    async with aclosing(client.watch(SLICES, version, **options)) as events:
        return [event async for event in events]


# -- requests


async def test_a_recorded_list_is_read_with_its_version() -> None:
    async with talking(said(transcript("endpointslices-list")["body"])) as (client, server):
        items, version = await client.list(SLICES, labelSelector="kubernetes.io/service-name=bus-service")
        assert ([item["metadata"]["name"] for item in items], version) == (["bus-service-4svcs"], "287")
        assert server.asked[0].query["labelSelector"] == "kubernetes.io/service-name=bus-service"


async def test_a_recorded_page_that_is_the_last_is_the_whole() -> None:
    async with talking(said(transcript("list-limit-continue")["body"])) as (client, server):
        items, version = await client.list(SLICES, limit="1")
        assert (len(items), version, len(server.asked)) == (1, "299", 1)


async def test_a_recorded_object_is_read() -> None:
    async with talking(said(transcript("service-get")["body"])) as (client, _):
        service = await client.get("/api/v1/namespaces/default/services/bus-service")
        assert service["spec"]["clusterIPs"] == ["10.96.145.139"]


async def test_a_list_in_pages_is_read_to_its_end() -> None:
    pages = {
        "": {"metadata": {"resourceVersion": "9", "continue": "a"}, "items": [{"n": 1}, {"n": 2}]},
        "a": {"metadata": {"resourceVersion": "9", "continue": "b"}, "items": None},
        "b": {"metadata": {"resourceVersion": "9"}, "items": [{"n": 3}]},
    }

    async def script(asked: Asked) -> None:
        await asked.answer(pages[asked.query.get("continue", "")])

    async with talking(script) as (client, _):
        assert await client.list("/things") == ([{"n": 1}, {"n": 2}, {"n": 3}], "9")


async def test_a_body_is_sent_as_the_type_that_was_named() -> None:
    async with talking(said({"ok": True})) as (client, server):
        patch = {"spec": {"replicas": 2}}
        await client.request(
            "PATCH", "/x", body=patch, content_type="application/merge-patch+json", query={"dryRun": "All"}
        )
        [asked] = server.asked
        assert (asked.method, json.loads(asked.body)) == ("PATCH", patch)
        assert asked.headers["content-type"] == "application/merge-patch+json"
        assert asked.query == {"dryRun": "All"}


async def test_an_answer_without_a_body_is_an_empty_object() -> None:
    async with talking(said(b"")) as (client, _):
        assert await client.request("DELETE", "/x") == {}


# -- refusals


@pytest.mark.parametrize(
    ("name", "status", "reason", "message"),
    [
        ("api-unauthorized-401", 401, "Unauthorized", "Unauthorized"),
        ("resize-forbidden-403", 403, "Forbidden", 'pods "resize-me" is forbidden'),
        ("resize-conflict-409", 409, "Conflict", "the object has been modified"),
        ("lease-create-already-exists-409", 409, "AlreadyExists", "already exists"),
        ("list-bad-continue", 400, "BadRequest", "continue key is not valid"),
        ("resize-json-patch-test-failed-422", 422, "Invalid", ""),
    ],
)
async def test_a_recorded_refusal_is_an_error_that_says_what_the_server_said(
    name: str, status: int, reason: str, message: str
) -> None:
    recorded = transcript(name)
    async with talking(said(recorded["body"], recorded["status"])) as (client, _):
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
        assert (caught.value.status, caught.value.reason) == (status, reason)
        assert message in str(caught.value)
        assert f"{client._base}/x" in str(caught.value), "an operator wants to know what was asked"


async def test_details_come_along() -> None:
    body = transcript("resize-forbidden-403")["body"]
    async with talking(said(body, 403)) as (client, _):
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
        assert caught.value.details == {"name": "resize-me", "kind": "pods"}


@pytest.mark.parametrize(
    ("headers", "details", "after_s"),
    [
        ("Retry-After: 7\r\n", {}, 7.0),
        ("", {"retryAfterSeconds": 3}, 3.0),
        ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n", {}, None),
        ("", {}, None),
    ],
)
async def test_a_refusal_may_say_when_to_come_back(
    headers: str, details: dict[str, int], after_s: float | None
) -> None:
    body = {"kind": "Status", "code": 429, "reason": "TooManyRequests", "details": details}
    async with talking(said(body, 429, headers)) as (client, _):
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
        assert caught.value.retry_after_s == after_s


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"\xff\xfe", b"[]", b'{"kind":"Pod"}', b""])
async def test_a_refusal_in_another_language_is_still_one(body: bytes) -> None:
    async with talking(said(body, 502)) as (client, _):
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
        assert (caught.value.status, caught.value.reason) == (502, "Unknown")


async def test_a_redirect_is_not_followed() -> None:
    async with talking(said(b"", 302, "Location: http://127.0.0.1:1/elsewhere\r\n")) as (client, server):
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
        assert caught.value.status == 302, "a token must not end up elsewhere"
        assert len(server.asked) == 1


# -- no answer


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b'"text"'])
async def test_an_answer_that_is_no_object_is_an_error(body: bytes) -> None:
    async with talking(said(body)) as (client, _):
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
        assert (caught.value.status, caught.value.reason) == (0, "Unreadable")


async def test_an_answer_that_is_too_large_is_an_error() -> None:
    async with talking(said({"x": "y" * 2000}), largest_bytes=1000) as (client, _):
        with pytest.raises(ApiError, match="more than 1000 bytes"):
            await client.get("/x")


async def test_half_an_answer_is_an_error() -> None:
    async def script(asked: Asked) -> None:
        asked.writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"items":')
        await asked.writer.drain()
        asked.writer.close()
        raise EOFError

    async with talking(script) as (client, _):
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
        assert (caught.value.status, caught.value.reason) == (0, "Unreachable")


async def test_a_server_that_is_not_there_is_an_error() -> None:
    async with talking(hang) as (client, server):
        await server.stop()
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
        assert (caught.value.status, caught.value.reason) == (0, "Unreachable")


async def test_a_server_that_never_answers_is_an_error() -> None:
    async with talking(hang) as (client, _):
        with pytest.raises(ApiError) as caught:
            await client.request("GET", "/x", timeout_s=0.05)
        assert caught.value.reason == "Unreachable"


async def test_a_cancelled_request_leaves_no_connection_behind() -> None:
    async with talking(hang) as (client, server):
        task = asyncio.create_task(client.get("/x"))  # noqa: TID251
        await server.until(lambda asked: len(asked) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client._session is not None
        assert not client._session.connector._acquired  # type: ignore[union-attr]


async def test_a_closed_client_may_be_used_again() -> None:
    async with talking(said({"ok": 1})) as (client, _):
        await client.get("/x")
        await client.close()
        assert await client.get("/x") == {"ok": 1}


# -- watches


@pytest.mark.parametrize("name", ["watch-endpointslices-with-bookmarks", "watch-too-old-rv1"])
async def test_a_recorded_watch_is_read_event_by_event(name: str) -> None:
    lines = transcript(name)["lines"]

    async def script(asked: Asked) -> None:
        asked.stream()
        for line in lines:
            asked.event(line["type"], line["object"])
        asked.end()

    async with talking(script) as (client, server):
        assert await events_of(client, "287") == [(line["type"], line["object"]) for line in lines]
        query = server.asked[0].query
        assert query["resourceVersion"] == "287"
        assert query["allowWatchBookmarks"] == "true"
        assert int(query["timeoutSeconds"]) > 0


async def test_a_recorded_watch_from_the_future_says_nothing() -> None:
    async with talking(said(transcript("watch-future-rv")["body"].encode())) as (client, _):
        assert await events_of(client, "99999999") == []


@pytest.mark.parametrize("size", [1, 2, 7, 64, 5000])
async def test_events_may_be_cut_anywhere(size: int) -> None:
    lines = transcript("watch-too-old-rv1")["lines"][:3]
    raw = b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    async def script(asked: Asked) -> None:
        asked.stream()
        for start in range(0, len(raw), size):
            asked.chunk(raw[start : start + size])
            if size > 1:
                await asyncio.sleep(0)
        asked.end()

    async with talking(script) as (client, _):
        assert [kind for kind, _ in await events_of(client)] == ["ADDED", "MODIFIED", "MODIFIED"]


async def test_an_event_larger_than_a_read_buffer_is_read() -> None:
    async def script(asked: Asked) -> None:
        asked.stream()
        asked.event("ADDED", {"x": "y" * 3_000_000})
        asked.end()

    async with talking(script) as (client, _):
        [(_, found)] = await events_of(client)
        assert len(found["x"]) == 3_000_000


async def test_an_event_that_is_too_large_is_an_error() -> None:
    async def script(asked: Asked) -> None:
        asked.stream()
        asked.chunk(b'{"type":"ADDED","object":{"x":"' + b"y" * 5000)
        await hang(asked)

    async with talking(script, largest_bytes=1000) as (client, _):
        with pytest.raises(ApiError, match="more than 1000 bytes"):
            await events_of(client)


EXPIRED = {
    "kind": "Status",
    "code": 410,
    "reason": "Expired",
    "message": "too old resource version: 5 (9)",
}


async def test_a_version_the_server_has_forgotten_is_410_as_an_answer() -> None:
    async with talking(said(EXPIRED, 410)) as (client, _):
        with pytest.raises(ApiError) as caught:
            await events_of(client)
        assert caught.value.gone


async def test_a_version_the_server_has_forgotten_is_410_as_an_event() -> None:
    async def script(asked: Asked) -> None:
        asked.stream()
        asked.event("ERROR", EXPIRED)
        asked.end()

    async with talking(script) as (client, _):
        with pytest.raises(ApiError) as caught:
            await events_of(client)
        assert (caught.value.status, caught.value.reason) == (410, "Expired")


@pytest.mark.parametrize("line", [b"nonsense", b"{}", b'{"type":"ADDED"}', b'{"type":1,"object":{}}', b"[]"])
async def test_an_event_that_is_none_is_an_error(line: bytes) -> None:
    async def script(asked: Asked) -> None:
        asked.stream()
        asked.chunk(line + b"\n")
        asked.end()

    async with talking(script) as (client, _):
        with pytest.raises(ApiError) as caught:
            await events_of(client)
        assert caught.value.reason == "Unreadable"


async def test_what_came_before_a_broken_stream_counts_and_half_an_event_does_not() -> None:
    seen = asyncio.Event()

    async def script(asked: Asked) -> None:
        asked.stream()
        asked.event("ADDED", {"n": 1})
        asked.chunk(b'{"type":"ADDED","obj')
        await asked.writer.drain()
        await seen.wait()
        asked.abort()
        raise EOFError

    async with talking(script) as (client, _), aclosing(client.watch(SLICES, "1")) as events:
        assert await anext(events) == ("ADDED", {"n": 1})
        seen.set()
        with pytest.raises(ApiError) as caught:
            await anext(events)
        assert caught.value.reason == "Unreachable"


async def test_a_silent_stream_is_an_error_of_its_own() -> None:
    async def script(asked: Asked) -> None:
        asked.stream()
        await hang(asked)

    async with talking(script) as (client, _):
        with pytest.raises(ApiError) as caught:
            await events_of(client, idle_s=0.05)
        assert caught.value.reason == "Silent"


async def test_a_watch_that_is_left_closes_its_connection() -> None:
    async def script(asked: Asked) -> None:
        asked.stream()
        asked.event("ADDED", {"n": 1})
        await hang(asked)

    async with talking(script) as (client, _):
        async with aclosing(client.watch(SLICES, "1")) as events:
            async for _ in events:
                break
        assert client._session is not None
        assert not client._session.connector._acquired  # type: ignore[union-attr]


# -- credentials


async def test_a_token_is_read_again_for_every_request(tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with served(said({})) as server:
        client = Client(Access(server.url, token_file=str(token)))
        for text in ("first\n", "second"):
            token.write_text(text)
            await client.get("/x")
        await client.close()
        assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("content", [None, "", "two\nlines", "\u00e9"])
async def test_a_token_that_cannot_be_used_is_an_error_without_a_request(
    tmp_path: Path, content: str | None
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    async with served(said({})) as server:
        client = Client(Access(server.url, token_file=str(token)))
        with pytest.raises(ApiError, match=str(token)) as caught:
            await client.get("/x")
        await client.close()
        assert (caught.value.reason, server.asked) == ("NoCredentials", [])


def test_a_token_is_in_no_representation() -> None:
    assert "s3cret" not in repr(Access("https://x", token="s3cret"))


class Authority:
    """A CA, and a server certificate for 127.0.0.1 under it."""

    def __init__(self, directory: Path, name: str) -> None:
        key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)
        chain = directory / f"{name}.pem"
        chain.write_bytes(
            self.pem
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(chain)


async def test_only_a_server_of_the_given_authority_is_believed(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    ca = tmp_path / "ca.crt"
    async with served(said({"ok": 1}), ours.server) as server:
        client = Client(Access(server.url, ca_file=str(ca)))
        ca.write_bytes(theirs.pem)
        with pytest.raises(ApiError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get("/x")
        ca.write_bytes(ours.pem)
        assert await client.get("/x") == {"ok": 1}, "a CA file that was replaced is read again"
        await client.close()


async def test_a_ca_file_that_is_missing_is_named(tmp_path: Path) -> None:
    client = Client(Access("https://127.0.0.1:1", ca_file=str(tmp_path / "none.crt")))
    with pytest.raises(ApiError, match=r"none\.crt"):
        await client.get("/x")


# -- in a pod


def test_a_pod_finds_its_server_in_the_environment(tmp_path: Path) -> None:
    token, ca = tmp_path / "token", tmp_path / "ca"
    token.touch()
    ca.touch()
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    access = in_cluster(environ, str(token), str(ca))
    assert access == Access("https://[fd00::1]:443", str(token), str(ca))


def test_outside_a_cluster_everything_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        in_cluster({}, str(tmp_path / "token"), str(tmp_path / "ca"))
    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [
        "KUBERNETES_SERVICE_HOST",
        "KUBERNETES_SERVICE_PORT",
        str(tmp_path / "token"),
        str(tmp_path / "ca"),
    ]


def test_a_connection_notices_a_server_that_lost_power_well_within_a_minute() -> None:
    assert kube_client._KEEPALIVE_S * (1 + kube_client._KEEPALIVE_PROBES) <= 30
