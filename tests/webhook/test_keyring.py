"""What becomes of the Secret: the table of `certs.keyring`, row by row, and what must hold whatever is in it."""

import base64
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from injector.certs import authority, certificates, keyring
from injector.certs.certificates import Pair
from injector.certs.keyring import Keyring, Terms
from tests.webhook.minting import in_process

DAY_S = 86400.0
NOW = 1_800_000_000.0
TERMS = Terms(("hook.system.svc", "127.0.0.1"), leaf_s=30 * DAY_S)


def renew(ring, now=NOW, *, trusted=True):
    """What would be written, and why; None when all is well."""
    order = keyring.needed(ring, TERMS, now, trusted=trusted)
    if order is None:
        return None
    made = in_process(order, ring, TERMS, now)
    return SimpleNamespace(ring=keyring.renewed(ring, made, now), why=order.why)


@pytest.fixture(scope="module")
def fresh():
    return renew(Keyring()).ring


def good(ring, now=NOW):
    return keyring.flaw(ring, TERMS.names, now) == ""


def test_from_nothing_comes_everything(fresh):
    assert good(fresh)
    assert len(fresh.authorities) == 1


def test_a_good_ring_is_left_alone(fresh):
    assert renew(fresh) is None


def test_the_secret_gives_back_what_was_put_into_it(fresh):
    assert keyring.from_secret(keyring.to_secret(fresh)) == fresh


def test_a_leaf_whose_two_thirds_are_over_is_renewed_by_the_same_authority(fresh):
    assert renew(fresh, NOW + 19 * DAY_S) is None
    renewal = renew(fresh, NOW + 21 * DAY_S, trusted=False)
    assert renewal.ring.authorities == fresh.authorities
    assert renewal.ring.leaf != fresh.leaf
    assert "two thirds" in renewal.why
    assert good(renewal.ring, NOW + 21 * DAY_S)


def test_an_authority_is_rolled_over_without_a_moment_in_which_callers_trust_nobody(fresh):
    later = NOW + 7 * 365 * DAY_S
    aged = replace(
        fresh, leaf=authority.new_leaf(Pair(fresh.authorities[0], fresh.key), TERMS.names, later, 30 * DAY_S)
    )
    first = renew(aged, later).ring
    assert first.leaf == aged.leaf, "the bundle does not have the new authority yet"
    assert first.authorities[1:] == aged.authorities
    assert renew(first, later, trusted=False) is None
    second = renew(first, later, trusted=True)
    assert certificates.signed_by(second.ring.leaf, first.authorities[0])
    assert second.ring.authorities == first.authorities, "callers may still see the old leaf"
    assert renew(second.ring, later) is None


def test_a_bundle_nobody_ever_sees_does_not_let_the_leaf_expire(fresh):
    later = NOW + 7 * 365 * DAY_S
    ring = renew(fresh, later, trusted=False).ring
    assert good(ring, later)
    assert good(renew(ring, later + 21 * DAY_S, trusted=False).ring, later + 21 * DAY_S)


def test_expired_authorities_leave_the_bundle_when_the_next_one_comes(fresh):
    much_later = NOW + 11 * 365 * DAY_S
    assert len(renew(fresh, much_later).ring.authorities) == 1


def test_a_lost_authority_key_costs_no_review(fresh):
    renewal = renew(replace(fresh, key=b""))
    assert renewal.ring.leaf == fresh.leaf
    assert renewal.ring.authorities[1:] == fresh.authorities
    assert "no key" in renewal.why
    assert good(renewal.ring)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda ring: replace(ring, leaf=Pair()), "no certificate"),
        (
            lambda ring: replace(ring, leaf=Pair(ring.leaf.certificate[:90], ring.leaf.key)),
            "not a certificate",
        ),
        (lambda ring: replace(ring, leaf=Pair(ring.leaf.certificate, ring.key)), "not this certificate's"),
        (lambda ring: replace(ring, leaf=renew(Keyring()).ring.leaf), "signed by no valid authority"),
        (
            lambda ring: replace(
                ring, leaf=authority.new_leaf(Pair(ring.authorities[0], ring.key), ["x"], NOW, DAY_S)
            ),
            "not made out to",
        ),
    ],
)
def test_a_leaf_that_cannot_be_served_is_replaced_at_once(fresh, damage, why):
    renewal = renew(damage(fresh), trusted=False)
    assert why in renewal.why
    assert renewal.ring.authorities == fresh.authorities
    assert good(renewal.ring)


@pytest.mark.parametrize(
    "damage",
    [
        lambda ring: replace(ring, authorities=()),
        lambda ring: replace(
            ring, authorities=(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",)
        ),
        lambda ring: Keyring(),
    ],
)
def test_a_lost_authority_is_replaced_with_its_leaf(fresh, damage):
    renewal = renew(damage(fresh))
    assert good(renewal.ring)
    assert renewal.ring.leaf != fresh.leaf


def test_replicas_that_want_other_names_do_not_take_turns(fresh):
    mine, theirs = (Terms(("hook.system.svc", extra), TERMS.leaf_s) for extra in ("a.example", "10.0.0.7"))
    ring, turns = fresh, 0
    for terms in (mine, theirs) * 3:
        order = keyring.needed(ring, terms, NOW, trusted=True)
        if order is not None:
            ring, turns = keyring.renewed(ring, in_process(order, ring, terms, NOW), NOW), turns + 1
    assert turns == 2
    later = NOW + 21 * DAY_S
    order = keyring.needed(ring, mine, later, trusted=True)
    assert order.names == mine.names, "what nobody wants any more goes when the leaf's time has come"


def test_damage_upon_damage_does_not_grow_the_bundle_for_ever(fresh):
    ring = fresh
    for _ in range(10):
        ring = renew(replace(ring, key=b"")).ring
    assert len(ring.authorities) == keyring.MOST_AUTHORITIES
    assert good(ring)


def test_no_key_shows_in_a_repr(fresh):
    assert "PRIVATE" not in repr(fresh)


SOUND = keyring.to_secret(renew(Keyring()).ring)
junk = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=40),
    st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode()),
    st.sampled_from(list(SOUND.values())),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # signatures cost
@given(st.dictionaries(st.sampled_from(list(SOUND)), junk))
def test_whatever_is_in_the_secret_one_renewal_makes_it_good_and_a_second_has_nothing_to_do(data):
    ring = keyring.from_secret({**SOUND, **data})
    renewal = renew(ring, trusted=False)
    after = renewal.ring if renewal else ring
    assert good(after)
    assert renew(after, trusted=False) is None


@given(st.binary(max_size=300))
def test_splitting_any_bytes_gives_certificates_or_nothing(data):
    for block in keyring.split(data + SOUND["ca.crt"].encode()):
        assert block.startswith(b"-----BEGIN CERTIFICATE-----")
