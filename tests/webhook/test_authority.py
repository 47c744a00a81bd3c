"""Certificates as strict verifiers see them: OpenSSL in its strict mode is the judge."""

import ssl
import subprocess

import pytest

from injector.certs import authority, certificates, tls
from injector.certs.certificates import CertificateError, Pair
from injector.metrics import Metrics
from sidecar import clock
from tests.webhook.program import trusting

DAY_S = 86400.0
NAMES = ("hook.system.svc", "hook.system.svc.cluster.local", "127.0.0.1")


@pytest.fixture(scope="module")
def ca():
    return authority.new_authority(clock.wall_s(), 3650 * DAY_S)


@pytest.fixture(scope="module")
def leaf(ca):
    return authority.new_leaf(ca, NAMES, clock.wall_s(), 30 * DAY_S)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Both ends in memory; raises what the client says."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server, server_hostname=name)
    called = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (caller, called):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return caller


def serving(pair: Pair) -> ssl.SSLContext:
    context = tls.context()
    certificates.load(context, pair)
    return context


@pytest.mark.parametrize("name", NAMES)
def test_a_strict_verifier_accepts_the_leaf_for_each_of_its_names(ca, leaf, name):
    assert handshake(serving(leaf), trusting(ca.certificate), name).version() == "TLSv1.3"


def test_no_verifier_accepts_it_for_another_name(ca, leaf):
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        handshake(serving(leaf), trusting(ca.certificate), "other.system.svc")


def test_another_authority_of_ours_does_not_vouch_for_it(leaf):
    other = authority.new_authority(clock.wall_s(), DAY_S)
    assert not certificates.signed_by(leaf, other.certificate)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(serving(leaf), trusting(other.certificate), NAMES[0])


def test_old_and_new_authority_in_one_bundle_vouch_for_leaves_of_both(ca, leaf):
    newer = authority.new_authority(clock.wall_s(), DAY_S)
    next_leaf = authority.new_leaf(newer, NAMES, clock.wall_s(), DAY_S)
    bundle = trusting(newer.certificate + ca.certificate)
    for each in (leaf, next_leaf):
        assert handshake(serving(each), bundle, NAMES[0]).version()


def test_the_leaf_cannot_vouch_for_others(ca, leaf):
    forged = authority.new_leaf(leaf, NAMES, clock.wall_s(), DAY_S)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(serving(forged), trusting(ca.certificate + leaf.certificate), NAMES[0])


def test_a_good_pair_passes_its_checks(leaf):
    certificates.check_names(certificates.check(leaf, clock.wall_s()), NAMES)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda leaf, ca: Pair(), "no certificate"),
        (lambda leaf, ca: Pair(leaf.certificate), "no key"),
        (lambda leaf, ca: Pair(leaf.certificate[:200], leaf.key), "not a certificate"),
        (lambda leaf, ca: Pair(leaf.certificate, leaf.key[:100]), "not a key"),
        (lambda leaf, ca: Pair(leaf.certificate, ca.key), "not this certificate's"),
        (lambda leaf, ca: Pair(leaf.key, leaf.certificate), "not a certificate"),
        (lambda leaf, ca: Pair("é".encode(), leaf.key), "not a certificate"),
    ],
)
def test_a_spoiled_pair_is_named_for_what_is_wrong(leaf, ca, spoil, why):
    with pytest.raises(CertificateError, match=why):
        certificates.check(spoil(leaf, ca), clock.wall_s())


def test_an_expired_certificate_says_when(leaf):
    with pytest.raises(CertificateError, match=r"expired at \d{4}-\d\d-\d\dT"):
        certificates.check(leaf, clock.wall_s() + 31 * DAY_S)


def test_missing_names_are_all_named(leaf):
    with pytest.raises(CertificateError, match=r"not made out to a\.b, 10\.0\.0\.1"):
        certificates.check_names(certificates.check(leaf, clock.wall_s()), (*NAMES, "a.b", "10.0.0.1"))


def test_an_authority_signs_and_a_leaf_does_not(ca, leaf):
    assert certificates.check_authority(ca, clock.wall_s()).names == frozenset()
    with pytest.raises(CertificateError, match="not an authority"):
        certificates.check_authority(leaf, clock.wall_s())
    with pytest.raises(CertificateError, match="not this certificate's"):
        certificates.check_authority(Pair(ca.certificate, leaf.key), clock.wall_s())


def test_who_signed_it_is_asked_without_regard_to_the_time(ca):
    now = clock.wall_s() + 20 * 365 * DAY_S
    assert certificates.signed_by(authority.new_leaf(ca, NAMES, now, DAY_S), ca.certificate)


def test_keys_of_other_kinds_are_checked_too(tmp_path):
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "k",
        "-out",
        "c",
        "-days",
        "1",
    ]
    more = ["-subj", "/CN=a", "-addext", "subjectAltName=DNS:a.b,IP:10.0.0.1"]
    subprocess.run([*made, *more], cwd=tmp_path, check=True, capture_output=True)
    pair = Pair((tmp_path / "c").read_bytes(), (tmp_path / "k").read_bytes())
    assert certificates.check(pair, clock.wall_s()).names == {"a.b", "10.0.0.1"}


def test_two_thirds_of_a_life_are_where_they_should_be(leaf):
    assert certificates.check(leaf, clock.wall_s()).due_at() == pytest.approx(
        clock.wall_s() + 20 * DAY_S, abs=DAY_S
    )


def test_a_context_without_certificate_refuses_handshakes_and_serves_once_it_has_one(ca, leaf):
    identity = tls.Identity(Metrics())
    assert identity.problem(clock.wall_s()) == "no certificate yet"
    with pytest.raises(ssl.SSLError):
        handshake(identity.context, trusting(ca.certificate), NAMES[0])
    assert identity.take(leaf, clock.wall_s())
    assert not identity.take(leaf, clock.wall_s()), "the same again is nothing new"
    assert handshake(identity.context, trusting(ca.certificate), NAMES[0]).version()
    assert identity.problem(clock.wall_s()) == ""
    assert identity.problem(clock.wall_s() + 31 * DAY_S) == "the certificate has expired"


def test_new_connections_get_the_new_leaf_and_a_bad_one_changes_nothing(ca, leaf):
    context = serving(leaf)
    newer = authority.new_leaf(ca, NAMES, clock.wall_s(), DAY_S)
    certificates.load(context, newer)
    with pytest.raises(CertificateError):
        certificates.load(context, Pair(leaf.certificate, ca.key))
    shown = handshake(context, trusting(ca.certificate), NAMES[0]).getpeercert(binary_form=True)
    assert shown == ssl.PEM_cert_to_DER_cert(newer.certificate.decode())


def test_no_key_shows_in_a_repr(leaf):
    assert b"PRIVATE" not in repr(leaf).encode()
