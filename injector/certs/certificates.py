"""What a certificate is worth, asked of OpenSSL as callers would: a handshake in memory. Pure: times are given.

The standard library cannot read certificates, but it can verify them, which is what is asked here anyway. So the
program does without `cryptography`, a fifth of its memory; making certificates is another process's job
(`injector.certs.mint`).
"""

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, cast

from sidecar.errors import EquilibriumError

_MEMORY: Final = "/proc/self/fd/{}"
_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: what time it is, we are told."""


class CertificateError(EquilibriumError):
    """A certificate or key that cannot be read or does not fit; says which and why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM; empty where there is none."""

    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says. Seconds since the epoch."""

    begins_s: float
    ends_s: float
    names: frozenset[str]

    def due_at(self) -> float:
        """When two thirds are over: early enough that a third is left to notice that renewal fails."""
        return self.begins_s + (self.ends_s - self.begins_s) * 2 / 3


def load(into: ssl.SSLContext, pair: Pair) -> None:
    """New connections get this pair. Raises CertificateError and changes nothing when it cannot be used."""
    _trusting(pair.certificate)
    # The ssl module loads files only; memory has a name for as long as it is open, and no key touches a disk.
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pair.certificate + b"\n" + pair.key)
        path = _MEMORY.format(descriptor)
        # First where nobody is served: a pair that does not fit would leave the context with half of it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
        into.load_cert_chain(path)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateError("the key is not this certificate's") from None
        raise CertificateError(f"not a key ({error.reason})" if pair.key else "no key") from None
    finally:
        os.close(descriptor)


def check(pair: Pair, now_s: float) -> Facts:
    """Raise CertificateError unless the certificate can be read, is valid now, and the key is its own."""
    # Trusting the certificate itself: who signed it is another question.
    return _current(_facts(_shown(pair, pair.certificate)), now_s)


def check_authority(pair: Pair, now_s: float) -> Facts:
    """The same of a certificate that may sign others, and may do nothing else."""
    load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair)
    return _current(authority(pair.certificate), now_s)


def check_names(facts: Facts, names: Sequence[str]) -> None:
    """Raise CertificateError unless it is made out to all of them."""
    missing = [name for name in names if name not in facts.names]
    if missing:
        raise CertificateError(f"not made out to {', '.join(missing)}")


def signed_by(pair: Pair, authority: bytes) -> bool:
    """Whether somebody who trusts this authority alone accepts the pair, whatever the time."""
    try:
        _shown(pair, authority)
    except CertificateError:
        return False
    return True


def authority(certificate: bytes) -> Facts:
    """Of a certificate that may sign others. Raises CertificateError."""
    found = _trusting(certificate).get_ca_certs()
    if not found:
        raise CertificateError("not an authority")
    return _facts(cast(dict[str, Any], found[0]))


def _current(facts: Facts, now_s: float) -> Facts:
    if facts.ends_s <= now_s:
        raise CertificateError(f"expired at {datetime.fromtimestamp(facts.ends_s, UTC):%Y-%m-%dT%H:%M:%SZ}")
    return facts


@lru_cache(maxsize=16)
def _shown(pair: Pair, trusted: bytes) -> dict[str, Any]:
    """The certificate as a caller decodes it that trusts only what is given. Raises CertificateError.

    Remembered, since the same few are looked at every minute and a handshake is two milliseconds of the event loop.
    """
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), _trusting(trusted)
    load(server, pair)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server)
    called = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (caller, called, caller):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            raise CertificateError(error.verify_message) from None
        except ssl.SSLError as error:
            raise CertificateError(f"no handshake ({error.reason})") from None
    return cast(dict[str, Any], caller.getpeercert())


def _trusting(certificates: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    if not certificates:
        raise CertificateError("no certificate")
    try:
        context.load_verify_locations(cadata=certificates.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or "not ASCII"
        raise CertificateError(f"not a certificate ({why})") from None
    return context


def _facts(decoded: dict[str, Any]) -> Facts:
    names = frozenset(
        value for kind, value in decoded.get("subjectAltName", ()) if kind in ("DNS", "IP Address")
    )
    begins, ends = (float(ssl.cert_time_to_seconds(decoded[key])) for key in ("notBefore", "notAfter"))
    return Facts(begins, ends, names)
