"""A certificate authority for tests: of the double itself, and for webhooks a test serves."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sidecar import clock

DAY = dt.timedelta(days=1)


class Authority:
    """A CA that lives in memory; `pem` is what clients trust."""

    def __init__(self, name: str = "kubernetes-ca"):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._builder(self._name, self._key, DAY).add_extension(constraints, critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, directory: Path, names: Sequence[str], *, days: float = 1.0) -> tuple[Path, Path]:
        """A certificate for DNS names and addresses, and its key, as files (certificate, key)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        builder = self._builder(subject, key, DAY * days).add_extension(alternatives, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        files = directory / "tls.crt", directory / "tls.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        none = serialization.NoEncryption()
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, none))
        return files

    def server(self, directory: Path, names: Sequence[str], *, days: float = 1.0) -> ssl.SSLContext:
        """A context to serve with; negative `days` make it one that has expired."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.issue(directory, names, days=days))
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, lasting: dt.timedelta
    ) -> x509.CertificateBuilder:
        now = dt.datetime.fromtimestamp(clock.wall_s(), dt.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        return builder.not_valid_before(now - 10 * DAY).not_valid_after(now + lasting)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
