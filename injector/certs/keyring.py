"""What the Secret holds, and what should become of it. Pure.

    tls.crt, tls.key   the leaf that is served
    ca.crt             authorities that callers are to trust, newest first
    ca.key             the key of the newest

`needed` is one table, read from the top (a *good* leaf is valid, has its key, our names, and a signature of
one of ca.crt):

    authority unusable, or two thirds over   a new one before the others; a good leaf stays
    leaf not good                            a new leaf at once: nobody is served by the old one
    leaf two thirds over                     a new leaf
    leaf of an older authority               a new leaf, once the webhook's caBundle has the newest authority
    otherwise                                nothing

So an authority is rolled over without a failed review: callers trust old and new before the new one signs what is
served, and old ones stay in ca.crt until they expire. Where the bundle is never seen (the webhook configuration
was deleted), the old leaf serves until its two thirds are over and is then replaced all the same.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from injector.certs import certificates
from injector.certs.certificates import CertificateError, Pair

AUTHORITY_S: Final = 10 * 365 * 86400.0
MOST_AUTHORITIES: Final = 4
"""Damage upon damage must not grow the bundle for ever."""

TWO_THIRDS: Final = "two thirds of its life are over"

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?")


NO_PAIR: Final = Pair()


@dataclass(frozen=True, slots=True)
class Keyring:
    """The Secret's contents; empty bytes where it has none."""

    leaf: Pair = NO_PAIR
    authorities: tuple[bytes, ...] = ()
    """PEM, newest first."""
    key: bytes = field(default=b"", repr=False)

    @property
    def bundle(self) -> bytes:
        """What callers are to trust, as one PEM text."""
        return b"".join(self.authorities)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a leaf is made out to, and for how many seconds."""

    names: Sequence[str]
    leaf_s: float
    authority_s: float = AUTHORITY_S


@dataclass(frozen=True, slots=True)
class Order:
    """What to make, each with the reason; empty where nothing is."""

    authority: str
    leaf: str
    names: tuple[str, ...]
    """What the leaf is to be made out to."""

    @property
    def why(self) -> str:
        """For the log."""
        reasons = (("authority", self.authority), ("leaf", self.leaf))
        return "; ".join(f"new {what}: {why}" for what, why in reasons if why)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of an order."""

    authority: Pair | None
    leaf: Pair | None


def from_secret(data: Mapping[str, Any] | None) -> Keyring:
    """Whatever is there; what cannot be decoded counts as absent."""
    values = {key: _decoded(value) for key, value in (data or {}).items()}
    return Keyring(
        Pair(values.get("tls.crt", b""), values.get("tls.key", b"")),
        tuple(split(values.get("ca.crt", b""))),
        values.get("ca.key", b""),
    )


def to_secret(ring: Keyring) -> dict[str, str]:
    """The `data` of the Secret."""
    values = {
        "tls.crt": ring.leaf.certificate,
        "tls.key": ring.leaf.key,
        "ca.crt": ring.bundle,
        "ca.key": ring.key,
    }
    return {key: base64.b64encode(value).decode() for key, value in values.items()}


def split(bundle: bytes) -> list[bytes]:
    """Certificates of a PEM text, one by one, each with a line end; text between them is dropped."""
    return [block.strip() + b"\n" for block in _PEM.findall(bundle)]


def flaw(ring: Keyring, names: Sequence[str], now_s: float) -> str:
    """Why the leaf cannot be served; empty when it can."""
    try:
        certificates.check_names(certificates.check(ring.leaf, now_s), names)
    except CertificateError as error:
        return str(error)
    if not any(certificates.signed_by(ring.leaf, each) for each in _valid(ring, now_s)):
        return "signed by no valid authority of ca.crt"
    return ""


def needed(ring: Keyring, terms: Terms, now_s: float, *, trusted: bool) -> Order | None:
    """What has to be made; None when all is well. `trusted`: the webhook's bundle has the newest authority."""
    why_authority = _authority_flaw(ring, now_s)
    why_leaf = flaw(ring, terms.names, now_s) or _due(ring, now_s, trusted=trusted and not why_authority)
    if not (why_authority or why_leaf):
        return None
    return Order(why_authority, why_leaf, _names(ring, terms, now_s))


def renewed(ring: Keyring, made: Made, now_s: float) -> Keyring:
    """The ring with what was made; authorities that were valid stay behind a new one."""
    if made.authority is not None:
        kept = _valid(ring, now_s)[: MOST_AUTHORITIES - 1]
        ring = replace(ring, authorities=(made.authority.certificate, *kept), key=made.authority.key)
    return ring if made.leaf is None else replace(ring, leaf=made.leaf)


def _names(ring: Keyring, terms: Terms, now_s: float) -> tuple[str, ...]:
    """Ours, and with them those of a leaf that lacks some of ours.

    Replicas with other settings, as during a rolling update, would else take turns; what nobody wants any more goes
    when the leaf's time has come.
    """
    try:
        has = certificates.check(ring.leaf, now_s).names
    except CertificateError:
        return tuple(terms.names)
    return (
        (*terms.names, *sorted(has.difference(terms.names)))
        if not has.issuperset(terms.names)
        else tuple(terms.names)
    )


def _authority_flaw(ring: Keyring, now_s: float) -> str:
    if not ring.authorities:
        return "no certificate"
    newest = Pair(ring.authorities[0], ring.key)
    try:
        facts = certificates.check_authority(newest, now_s)
    except CertificateError as error:
        return str(error)
    return TWO_THIRDS if facts.due_at() <= now_s else ""


def _due(ring: Keyring, now_s: float, *, trusted: bool) -> str:
    """Of a leaf without flaw."""
    if certificates.check(ring.leaf, now_s).due_at() <= now_s:
        return TWO_THIRDS
    if trusted and not certificates.signed_by(ring.leaf, ring.authorities[0]):
        return "the newest authority is trusted now"
    return ""


def _valid(ring: Keyring, now_s: float) -> list[bytes]:
    valid = []
    for each in ring.authorities:
        try:
            if certificates.authority(each).ends_s > now_s:
                valid.append(each)
        except CertificateError:
            continue
    return valid


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:  # binascii.Error, and letters that are not ASCII
        return b""
