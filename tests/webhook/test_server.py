"""The webhook over real TLS: reviews answered, everything else turned away, nothing told that should not be."""

import asyncio
import gzip
import json
import ssl
import warnings

import pytest

from injector.server import LARGEST_BODY
from tests.webhook import reviews
from tests.webhook.conftest import Volume
from tests.webhook.program import (
    NAME,
    PATIENCE_S,
    TROUBLE,
    Caller,
    Program,
    disconnected,
    running,
    trusting,
)


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    made = Volume(tmp_path_factory.mktemp("server") / "certificates")
    made.put(made.leaf())
    return made


@pytest.fixture(scope="module")
def program(volume):
    """One for all tests of this file that count nothing."""
    started = Program(volume.path.parent, {"CERTIFICATES": str(volume.path), "API": "none"})
    try:
        started.started()
        yield started
        started.process.terminate()
        assert started.process.wait(PATIENCE_S) == 0
        assert not TROUBLE.search(started.said()), started.said()
    finally:
        started.process.kill()
        started.process.wait()


@pytest.fixture
async def fresh(tmp_path, volume):
    """One that nobody has asked anything."""
    async with running(tmp_path, CERTIFICATES=str(volume.path), API="none") as started:
        yield started


@pytest.fixture
async def caller(program, volume):
    async with Caller(program, volume.authority.certificate) as calling:
        yield calling
    await disconnected(program)


@pytest.fixture
async def counted(fresh, volume):
    """Calls the fresh one."""
    async with Caller(fresh, volume.authority.certificate) as calling:
        yield calling


async def test_an_opted_in_pod_gets_its_sidecar_and_the_uid_comes_back(caller):
    response = await caller.review(reviews.review(reviews.pod(), uid="u-17"))
    assert (response["uid"], response["allowed"], response["patchType"]) == ("u-17", True, "JSONPatch")
    assert "equilibrium-sidecar" in reviews.containers_after(response)


@pytest.mark.parametrize(
    "name",
    [
        "admissionreview-pod-create-from-replicaset",
        "admissionreview-pod-dry-run",
        "admissionreview-deployment-create",
        "admissionreview-deployment-update-kubectl-annotate",
    ],
)
async def test_what_a_real_api_server_sent_is_answered(caller, name):
    body = reviews.recorded(name)
    response = await caller.review(body)
    assert response["uid"] == json.loads(body)["request"]["uid"]
    assert response["allowed"] is True


async def test_flags_are_segments_of_the_path(caller):
    unasked = reviews.pod()
    del unasked["metadata"]["annotations"]
    assert "patch" not in await caller.review(reviews.review(unasked))
    assert "patch" in await caller.review(reviews.review(unasked), "/mutate/namespace")
    assert "patch" in await caller.review(reviews.review(unasked), "/mutate/namespace/restricted")


async def test_a_bad_annotation_is_denied_in_words_not_with_an_error(caller):
    response = await caller.review(reviews.review(reviews.pod(strategy="fastest")))
    assert response["allowed"] is False
    assert "equilibrium.io/strategy" in response["status"]["message"]
    assert "balanced" in response["status"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"kind":"AdmissionReview"}', b"\xff\x00", b"0" * 5000]
)
async def test_what_is_no_review_is_a_400_with_a_reason(caller, body):
    status, said = await caller.post(body)
    assert status == 400
    assert said


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"]
)
async def test_another_content_type_is_a_415(caller, kind):
    assert (await caller.post(reviews.review(reviews.pod()), Content_Type=kind))[0] == 415


async def test_a_content_type_may_have_parameters(caller):
    status, _ = await caller.post(
        reviews.review(reviews.pod()), Content_Type="application/json; charset=utf-8"
    )
    assert status == 200


async def test_the_largest_object_is_taken_and_a_larger_one_is_a_413(caller):
    padded = reviews.pod(note="x" * (LARGEST_BODY - 2000))
    body = reviews.review(padded)
    assert (await caller.post(body + b" " * (LARGEST_BODY - len(body))))[0] == 200
    assert (await caller.post(body + b" " * (LARGEST_BODY - len(body) + 1)))[0] == 413


async def test_a_body_without_a_length_has_the_same_limit(caller):
    async def pieces():
        for _ in range(LARGEST_BODY // 65536 + 1):
            yield b" " * 65536

    assert (await caller.post(pieces()))[0] == 413


async def test_nothing_is_decompressed(caller):
    packed = gzip.compress(reviews.review(reviews.pod()))
    assert (await caller.post(packed, Content_Encoding="gzip"))[0] == 400


async def test_other_paths_and_methods_are_not_ours(caller, program):
    assert (await caller.post(b"{}", "/"))[0] == 404
    assert (await caller.post(b"{}", "/mutated"))[0] == 404
    assert (await program.health("/mutate"))[0] == 404


async def test_one_connection_carries_any_number_of_reviews(program, volume):
    reader, writer = await asyncio.open_connection(
        *program.webhook, ssl=trusting(volume.authority.certificate), server_hostname=NAME
    )
    body = reviews.review(reviews.pod())
    for _ in range(5):
        writer.write(
            b"POST /mutate?timeout=5s HTTP/1.1\r\nHost: hook\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()
    await writer.wait_closed()


async def test_the_protocol_agreed_on_is_http_1_1(program, volume):
    context = trusting(volume.authority.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])  # what an API server offers
    _, writer = await asyncio.open_connection(*program.webhook, ssl=context, server_hostname=NAME)
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    writer.close()
    await writer.wait_closed()


async def test_a_hundred_at_once_get_each_its_own_answer(caller):
    async def one(number):
        size = "x" * (200_000 if number % 10 == 0 else 1000)
        body = reviews.review(reviews.pod(f"web-{number}", note=size), uid=f"u-{number}")
        return await caller.review(body)

    responses = await asyncio.gather(*map(one, range(100)))
    assert [response["uid"] for response in responses] == [f"u-{number}" for number in range(100)]
    assert all("patch" in response for response in responses)


async def test_tls_before_1_2_is_refused(program, volume):
    context = trusting(volume.authority.certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):  # that these versions are deprecated is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(*program.webhook, ssl=context, server_hostname=NAME)


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\r\n" * 50])
async def test_noise_on_either_port_neither_stops_it_nor_fills_the_log(program, caller, noise):
    host, port = program.metrics.rsplit(":", 1)
    before = program.said()
    for target in (program.webhook, (host, int(port))):
        reader, writer = await asyncio.open_connection(*target)
        writer.write(noise)
        writer.write_eof()
        await reader.read(1000)
        writer.close()
    assert program.said() == before
    assert (await caller.review(reviews.review(reviews.pod())))["allowed"]


async def test_decisions_are_counted_by_kind_outcome_and_reason(fresh, counted):
    await counted.review(reviews.review(reviews.pod()))
    await counted.review(reviews.review(reviews.pod(inject="false")))
    await counted.review(reviews.review(reviews.pod(strategy="fastest")))
    await counted.post(b"{")
    await counted.post(b"{}", Content_Type="text/plain")
    series = 'equilibrium_injector_reviews_total{kind="Pod",outcome="%s",reason="%s"}'
    assert await fresh.metric(series % ("injected", "")) == 1
    assert await fresh.metric(series % ("skipped", "opted-out")) == 1
    assert await fresh.metric(series % ("denied", "")) == 1
    assert await fresh.metric('equilibrium_injector_refused_requests_total{status="415"}') == 1
    assert await fresh.metric("equilibrium_injector_review_seconds_count") == 4
    expiry = 'equilibrium_injector_certificate_expiry_timestamp_seconds{certificate="leaf"}'
    assert await fresh.metric(expiry) > 1.7e9


async def test_kinds_nobody_knows_share_one_label(fresh, counted):
    for kind in ("Alpha", "Beta"):
        await counted.review(reviews.review({**reviews.pod(), "kind": kind}))
    _, page = await fresh.health("/metrics")
    assert "Alpha" not in page
    assert "Beta" not in page
    assert 'kind="other"' in page


async def test_what_changed_or_was_refused_is_one_json_line_without_the_body(fresh, counted):
    secret = reviews.pod("secretive")
    secret["spec"]["containers"][0]["env"] = [{"name": "PASSWORD", "value": "hunter2"}]
    await counted.review(reviews.review(secret))
    await counted.review(reviews.review(reviews.pod(inject="false")))
    await counted.review(reviews.review(reviews.pod("bad", strategy="fastest")))
    lines = fresh.logged("review")
    assert [(line["outcome"], line["namespace"], line["kind"]) for line in lines] == [
        ("injected", "default", "Pod"),
        ("denied", "default", "Pod"),
    ]
    assert lines[0]["name"] == "Pod/secretive"
    assert "hunter2" not in fresh.said()


async def test_health_says_ok_in_words(program):
    assert await program.health("/livez") == (200, "ok\n")
    assert await program.health("/readyz") == (200, "ok\n")
