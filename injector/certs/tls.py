"""The TLS side of the webhook's listener: a context whose certificate is exchanged while it serves.

OpenSSL copies the certificate into each connection as it is made (SSL_new(3)), so that a new one holds from the
next connection on and nobody is cut off.
"""

import ssl

from injector.certs import certificates
from injector.certs.certificates import Facts, Pair
from injector.metrics import Metrics


class Identity:
    """What the listener shows its callers. `context` is the same object for ever."""

    def __init__(self, metrics: Metrics) -> None:
        self.context = context()
        self._metrics = metrics
        self._pair = Pair()
        self._ends_s = 0.0

    def take(self, pair: Pair, now_s: float) -> Facts | None:
        """Serve this pair from the next connection on; None when it is no other. Raises CertificateError."""
        if pair == self._pair:
            return None
        facts = certificates.check(pair, now_s)
        certificates.load(self.context, pair)
        self._pair, self._ends_s = pair, facts.ends_s
        self._metrics.expires("leaf", facts.ends_s)
        return facts

    def problem(self, now_s: float) -> str:
        """Why no caller would accept it; empty when they would."""
        if not self._pair.certificate:
            return "no certificate yet"
        return "the certificate has expired" if self._ends_s <= now_s else ""


def context() -> ssl.SSLContext:
    """A server's, without a certificate yet: handshakes fail until `certificates.load`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    # No resumption: API servers keep connections open anyway, and a ticket would outlive a certificate.
    made.options |= ssl.OP_NO_TICKET
    made.num_tickets = 0
    return made
