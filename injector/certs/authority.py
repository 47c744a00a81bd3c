"""Makes certificates: our own authority and the leaf it signs (RFC 5280). Times are given.

The one module that imports `cryptography`. Run as a program (`python -m injector.certs.authority`) it reads an order
from stdin and writes what it made to stdout; `injector.certs.mint` is at the other ends.

ECDSA P-256: a handshake costs a tenth of RSA 2048's, and every API server understands it.
"""

import ipaddress
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from injector.certs.certificates import CertificateError, Pair

SKEW_S: Final = 3600.0
"""Certificates are valid from this long ago: clocks of a cluster's machines differ."""


def new_authority(now_s: float, life_s: float) -> Pair:
    """A self-signed authority that may sign leaves only (path length 0)."""
    key = ec.generate_private_key(ec.SECP256R1())
    # The name is different every time: of two authorities with one name, verifiers may try the wrong one only.
    name = _name(f"equilibrium-injector authority {x509.random_serial_number() >> 112:012x}")
    builder = (
        _builder(name, name, key, now_s, life_s)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return _signed(builder, key, key)


def new_leaf(authority: Pair, names: Sequence[str], now_s: float, life_s: float) -> Pair:
    """A server certificate for DNS names and IP addresses. Raises CertificateError for an unusable authority."""
    issuer, signing_key = _read(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    san = x509.SubjectAlternativeName([_general_name(name) for name in names])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key())
    builder = (
        _builder(_name(names[0][:64]), issuer.subject, key, now_s, life_s)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(san, critical=False)
        .add_extension(issuer_key, critical=False)
    )
    return _signed(builder, key, signing_key)


def main() -> None:
    """One order, as `injector.certs.mint` writes it."""
    order: dict[str, Any] = orjson.loads(sys.stdin.buffer.read())
    held = Pair(order["certificate"].encode(), order["key"].encode())
    made: dict[str, Any] = {}
    if order["new_authority"]:
        held = new_authority(order["now_s"], order["authority_s"])
        made["authority"] = _text(held)
    if order["new_leaf"]:
        made["leaf"] = _text(new_leaf(held, order["names"], order["now_s"], order["leaf_s"]))
    sys.stdout.buffer.write(orjson.dumps(made))


def _text(pair: Pair) -> dict[str, str]:
    return {"certificate": pair.certificate.decode(), "key": pair.key.decode()}


def _read(pair: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        key = serialization.load_pem_private_key(pair.key, password=None)
        certificate = x509.load_pem_x509_certificate(pair.certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"not an authority ({error})") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"not an authority of ours ({type(key).__name__}); allowed: an EC key")
    return certificate, key


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now_s: float, life_s: float
) -> x509.CertificateBuilder:
    begins = datetime.fromtimestamp(now_s - min(SKEW_S, life_s / 10), UTC)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(datetime.fromtimestamp(now_s + life_s, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey
) -> Pair:
    certificate = builder.sign(by, hashes.SHA256())
    pkcs8 = serialization.PrivateFormat.PKCS8
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption()),
    )


if __name__ == "__main__":
    main()
