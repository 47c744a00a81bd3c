"""Certificates made in a process of their own: what was ordered, nothing left behind, keys in pipes only."""

import asyncio
from pathlib import Path

import pytest

from injector.certs import certificates, keyring, mint
from injector.certs.certificates import CertificateError
from injector.certs.keyring import Keyring, Order, Terms
from sidecar import clock
from tests.webhook.program import until

TERMS = Terms(("hook.system.svc", "127.0.0.1"), leaf_s=3600.0)


def children() -> list[str]:
    """Of this process, whichever of its threads began them."""
    return [
        pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
    ]


async def test_from_nothing_an_authority_and_its_leaf():
    now_s = clock.wall_s()
    order = keyring.needed(Keyring(), TERMS, now_s, trusted=False)
    ring = keyring.renewed(Keyring(), await mint.make(order, Keyring(), TERMS, now_s), now_s)
    assert keyring.needed(ring, TERMS, now_s, trusted=True) is None
    assert certificates.signed_by(ring.leaf, ring.authorities[0])


async def test_only_what_is_ordered_is_made():
    now_s = clock.wall_s()
    first = await mint.make(Order("none", "none", TERMS.names), Keyring(), TERMS, now_s)
    ring = keyring.renewed(Keyring(), first, now_s)
    leaf_only = await mint.make(Order("", "due", TERMS.names), ring, TERMS, now_s)
    assert leaf_only.authority is None
    assert certificates.signed_by(leaf_only.leaf, ring.authorities[0])
    authority_only = await mint.make(Order("due", "", TERMS.names), ring, TERMS, now_s)
    assert authority_only.leaf is None
    assert authority_only.authority.certificate != ring.authorities[0]


async def test_what_cannot_be_made_is_said_in_words():
    broken = Keyring(
        authorities=(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",), key=b"x"
    )
    with pytest.raises(CertificateError, match="not an authority"):
        await mint.make(Order("", "due", TERMS.names), broken, TERMS, clock.wall_s())


async def test_cancelled_in_the_middle_it_leaves_no_process():
    before = children()
    making = asyncio.get_running_loop().create_task(
        mint.make(Order("none", "none", TERMS.names), Keyring(), TERMS, clock.wall_s())
    )
    await until(lambda: children() != before, "it never began")
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    await until(lambda: children() == before, "it is still there")
