"""One call of a webhook: TLS by its caBundle, an AdmissionReview there, its verdict back.

What goes wrong on the way is a `CallError`, which `failurePolicy: Ignore` forgives; a denial, and a patch that
does not apply, are a `Refusal`, which nothing forgives.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.support.kube.matching import Attributes
from tests.support.kube.reviews import CallError, denial, patched, review_of, verified
from tests.support.kube.status import bad_request

Object = dict[str, Any]
Services = Mapping[tuple[str, str], tuple[str, int]]
"""Where the test really serves a Service: (namespace, name) → (address, port)."""

HEADERS = {
    "User-Agent": "kube-apiserver-admission",
    "Accept": "application/json, */*",
    "Content-Type": "application/json",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the webhook said: the object after its patch, and what to warn the user of."""

    object: Object | None
    warnings: list[str] = field(default_factory=list)


async def call(webhook: Object, attributes: Attributes, services: Services) -> Verdict:
    """Ask it about one write."""
    if attributes.dry_run and webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
        raise bad_request(f'admission webhook "{webhook["name"]}" does not support dry run')
    review = review_of(attributes)
    try:
        answer = await _exchange(webhook, review, services)
        response = verified(answer, review["request"]["uid"])
    except CallError as error:
        raise CallError(f'failed calling webhook "{webhook["name"]}": {error}') from error
    warnings = [str(warning) for warning in response.get("warnings") or []]
    if not response.get("allowed"):
        raise denial(webhook["name"], response.get("status") or {})
    return Verdict(patched(attributes.object, response), warnings)


async def _exchange(webhook: Object, review: Object, services: Services) -> Any:
    """The parsed answer. Every call has its own connection: a rotated certificate is seen at once."""
    config, seconds = webhook["clientConfig"], webhook["timeoutSeconds"]
    url, address, name = _destination(config, services)
    shown = f"{url}?timeout={seconds}s"
    try:
        context = ssl.create_default_context(cadata=base64.b64decode(config.get("caBundle", "")).decode())
    except (ssl.SSLError, ValueError) as error:
        raise CallError(f"failed to call webhook: unable to load root certificates: {error}") from error
    context.hostname_checks_common_name = False
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
            session.post(
                f"{address}?timeout={seconds}s",
                data=json.dumps(review),
                headers=HEADERS,
                ssl=context,
                server_hostname=name,
                allow_redirects=False,
            ) as response,
        ):
            return _read(response.status, await response.read())
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise CallError(f'failed to call webhook: Post "{shown}": {_worded(error, url)}') from error


def _destination(config: Object, services: Services) -> tuple[str, str, str | None]:
    """(URL as shown, URL to connect to, name the certificate must have)."""
    if "url" in config:
        return config["url"], config["url"], None
    service = config["service"]
    name, namespace = service["name"], service["namespace"]
    path = service.get("path") or ""
    url = f"https://{name}.{namespace}.svc:{service['port']}{path}"
    if (namespace, name) not in services:
        raise CallError(f'failed to call webhook: Post "{url}": service "{name}" not found')
    host, port = services[namespace, name]
    return url, f"https://{host}:{port}{path}", f"{name}.{namespace}.svc"


def _worded(error: Exception, url: str) -> str:
    """As Go says it."""
    if isinstance(error, TimeoutError):
        return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"tls: failed to verify certificate: x509: {_certificate(error.certificate_error)}"
    where = urlsplit(url)
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return f"dial tcp {where.hostname}:{where.port or 443}: connect: connection refused"
    return "EOF" if isinstance(error, aiohttp.ServerDisconnectedError) else str(error)


def _certificate(error: Exception) -> str:
    text = str(error)
    if "self-signed" in text or "unable to get local issuer" in text or "signature failure" in text:
        return "certificate signed by unknown authority"
    if "expired" in text or "not yet valid" in text:
        return "certificate has expired or is not yet valid"
    return f"certificate is not valid for the name: {text}"


def _read(status: int, body: bytes) -> Any:
    if status == 404:
        raise CallError("failed to call webhook: the server could not find the requested resource")
    if not 200 <= status < 300:
        said = body.decode(errors="replace").strip()
        text = f'an error on the server ("{said}") has prevented the request from succeeding'
        raise CallError(f"failed to call webhook: {text}")
    try:
        return json.loads(body)
    except ValueError as error:
        raise CallError(f"failed to call webhook: couldn't decode the response: {error}") from error
