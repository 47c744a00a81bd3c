"""Where a server is, as whom we speak to it, and whom we believe."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sidecar.errors import ConfigError
from sidecar.kube.errors import NO_CREDENTIALS, ApiError

MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where the kubelet puts a pod's service account."""

Sign = Callable[[str, str, bytes], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Access:
    """`url`: `https://host:port`, or http, with a path where the server stands behind one."""

    url: str
    token_file: str | None = None
    ca_file: str | None = None
    """PEM; None: the system's."""
    token: str | None = field(default=None, repr=False)
    """Used where there is no file."""
    client_cert: tuple[str, str] | None = None
    """PEM files: certificate, key."""
    sign: Sign | None = field(default=None, repr=False)
    """Fields that prove who sends (method, path with query, body), anew for every request."""

    def bearer(self) -> str | None:
        """The token as it is now. Raises `ApiError`.

        Read anew for every request: the kubelet replaces a projected token while we run, and reading a kilobyte
        from memory costs less than being wrong about it.
        """
        if self.token_file is None:
            return self.token
        try:
            token = Path(self.token_file).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ApiError(0, NO_CREDENTIALS, f"token {self.token_file}: {error}") from None
        if not token or not token.isprintable():
            raise ApiError(0, NO_CREDENTIALS, f"token {self.token_file}: not one line of text")
        return token

    def tls(self) -> ssl.SSLContext | None:
        """None for plain http. Raises `ApiError`."""
        if not self.url.startswith("https:"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.client_cert is not None:
                context.load_cert_chain(*self.client_cert)
        except OSError as error:  # SSLError too
            files = ", ".join(filter(None, (self.ca_file, *(self.client_cert or ()))))
            raise ApiError(0, NO_CREDENTIALS, f"{files or 'system CA bundle'}: {error}") from None
        return context


def in_cluster(
    environ: Mapping[str, str], token_file: str | None = None, ca_file: str | None = None
) -> Access:
    """As every pod finds its API server; files given here replace those of the service account.

    Raises `ConfigError` with everything that is missing.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
    token_file, ca_file = token_file or f"{MOUNT}/token", ca_file or f"{MOUNT}/ca.crt"
    mistakes = [
        f"KUBERNETES_SERVICE_{name}: not set; Kubernetes sets it in every container"
        for name, value in (("HOST", host), ("PORT", port))
        if not value
    ]
    mistakes += [
        f"{path}: no such file; allowed: a pod with automountServiceAccountToken, or a file that exists"
        for path in (token_file, ca_file)
        if not Path(path).is_file()
    ]
    if mistakes:
        raise ConfigError(mistakes)
    return Access(f"https://{f'[{host}]' if ':' in host else host}:{port}", token_file, ca_file)
