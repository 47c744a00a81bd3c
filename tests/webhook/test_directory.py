"""Certificates of others, in a directory: followed as they change, never a failed review, never a write."""

import asyncio
import ssl
from functools import partial

import aiohttp
import pytest

from injector.certs.certificates import Pair
from tests.webhook import reviews
from tests.webhook.program import NAME, Caller, running, trusting, until

BODY = reviews.review(reviews.pod())


async def shown(program, authority: bytes) -> bytes:
    """The certificate a new connection gets."""
    _, writer = await asyncio.open_connection(*program.webhook, ssl=trusting(authority), server_hostname=NAME)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return certificate


async def shows(program, authority: bytes, pair: Pair) -> bool:
    return await shown(program, authority) == ssl.PEM_cert_to_DER_cert(pair.certificate.decode())


async def test_a_new_certificate_is_served_without_a_failed_review(tmp_path, volume, by_directory):
    ca = volume.authority.certificate
    async with running(tmp_path, **by_directory) as program, Caller(program, ca) as caller:
        answered, over = 0, False

        async def keep_asking(new_connection_each_time: bool) -> None:
            nonlocal answered
            while not over:
                if new_connection_each_time:
                    async with Caller(program, ca) as fresh:
                        await fresh.review(BODY)
                else:
                    await caller.review(BODY)
                answered += 1

        asking = asyncio.gather(keep_asking(True), keep_asking(False))
        for _ in range(3):
            renewed = volume.leaf()
            volume.put(renewed)

            await until(partial(shows, program, ca, renewed), "the new certificate was never served")
        over = True
        await asking
        assert answered > 10
        assert await program.metric("equilibrium_injector_bundle_heals_total") == 0


async def test_connections_that_are_open_stay_open(tmp_path, volume, by_directory):
    ca = volume.authority.certificate
    async with running(tmp_path, **by_directory) as program:
        reader, writer = await asyncio.open_connection(
            *program.webhook, ssl=trusting(ca), server_hostname=NAME
        )
        renewed = volume.leaf()
        volume.put(renewed)

        await until(partial(shows, program, ca, renewed), "never served")
        writer.write(b"GET /mutate HTTP/1.1\r\nHost: hook\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 405 ")
        writer.close()
        await writer.wait_closed()


async def test_an_empty_directory_means_not_ready_with_the_reason_until_there_is_something(tmp_path, volume):
    empty = tmp_path / "empty"
    empty.mkdir()
    async with running(tmp_path, CERTIFICATES=str(empty), API="none") as program:
        status, reason = await program.health("/readyz")
        assert status == 503
        assert "no certificate yet" in reason
        assert "tls.crt" in reason
        assert (await program.health("/livez"))[0] == 200
        with pytest.raises(aiohttp.ClientError):
            async with Caller(program, volume.authority.certificate) as caller:
                await caller.review(BODY)
        leaf = volume.leaf()
        (empty / "tls.key").write_bytes(leaf.key)
        (empty / "tls.crt").write_bytes(leaf.certificate)
        await program.ready()
        async with Caller(program, volume.authority.certificate) as caller:
            assert (await caller.review(BODY))["allowed"]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda volume: Pair(volume.leaf().certificate, volume.leaf().key), "not this certificate's"),
        (lambda volume: Pair(b"half a", b"file"), "not a certificate"),
        (lambda volume: volume.leaf(made_s_ago=7200.0), "expired at"),
    ],
)
async def test_a_bad_pair_is_reported_once_and_the_good_one_goes_on(
    tmp_path, volume, by_directory, spoil, why
):
    ca = volume.authority.certificate
    async with running(tmp_path, **by_directory) as program:
        good = await shown(program, ca)
        volume.put(spoil(volume))
        (line,) = await until(lambda: program.logged("certificate not loaded"), "no word about it")
        assert why in line["why"]
        assert await shown(program, ca) == good
        assert (await program.health("/readyz"))[0] == 200
        renewed = volume.leaf()
        volume.put(renewed)

        await until(partial(shows, program, ca, renewed), "a good one after a bad one was never served")
        assert len(program.logged("certificate not loaded")) == 1


async def test_a_certificate_for_another_name_is_served_but_remarked_upon(tmp_path, volume, by_directory):
    volume.put(volume.leaf("elsewhere.svc"))
    async with running(tmp_path, **by_directory) as program:
        (line,) = await until(lambda: program.logged("certificate not loaded"), "no word about it")
        assert f"not made out to {NAME}" in line["why"]


async def test_files_that_go_away_cost_nothing(tmp_path, volume, by_directory):
    async with running(tmp_path, **by_directory) as program:
        (volume.path / "tls.crt").unlink()
        await until(lambda: program.logged("certificate not loaded"), "no word about it")
        assert (await program.health("/readyz"))[0] == 200
