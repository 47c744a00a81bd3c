"""HTTP probes by the kubelet's rules (k8s.io/kubernetes pkg/probe/http), so that its verdict would have been the same.

200 to 399 succeeds; certificates are not checked; a redirect is followed while it stays on the host, ten requests in
all; up to 10 KiB of the body must arrive; each probe has a connection of its own. HTTP/1.1 only, with TLS as well.
"""

from typing import Final
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from sidecar import parsing
from sidecar.apphealth.probes import HttpGet, Verdict

MOST_REQUESTS: Final = 10
MOST_BODY_BYTES: Final = 10 * 1024
MOST_HEAD_BYTES: Final = 256 * 1024
"""Of one field of the answer's head; Go takes 10 MiB, which no application sends and no sidecar should hold."""
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_LEGAL: Final = "!$%&'()*+,/:;=?@[]~"


async def ask(action: HttpGet, host: str, agent: str) -> Verdict:
    """Raises OSError when there is no connection; whoever asks bounds the time."""
    try:
        async with _session() as session:
            return await _follow(session, _url(action, host), _fields(action, agent))
    except aiohttp.ClientConnectorError as error:
        raise error.os_error from None
    except (aiohttp.ClientError, ValueError) as error:
        return Verdict(False, f"no usable answer: {str(error)[:200] or type(error).__name__}")


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # It is given addresses only: the default resolver would load c-ares.
        connector=aiohttp.TCPConnector(ssl=False, force_close=True, resolver=aiohttp.ThreadedResolver()),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        auto_decompress=False,
        max_line_size=MOST_HEAD_BYTES,
        max_field_size=MOST_HEAD_BYTES,
    )


async def _follow(session: aiohttp.ClientSession, url: URL, fields: CIMultiDict[str]) -> Verdict:
    host = url.host
    for _ in range(MOST_REQUESTS):
        async with session.get(url, headers=fields, allow_redirects=False) as response:
            location = response.headers.get("Location", "")
            if response.status not in _REDIRECTS or not location:
                await _read(response.content)
                return Verdict(200 <= response.status < 400, f"answered {response.status}")
            target = _parsed(location)
            url = url.join(target)
            if url.host != host:
                await _read(response.content)
                return Verdict(True, f"answered {response.status} to another host, which is not followed")
        if target.scheme:
            fields.popall("Host", None)  # a whole URL names its own; a path keeps ours
    return Verdict(False, f"redirected {MOST_REQUESTS} times")


async def _read(content: aiohttp.StreamReader) -> None:
    """As far as the kubelet does: a body that breaks off or stalls before is a failure."""
    left = MOST_BODY_BYTES
    while left > 0 and (chunk := await content.read(left)):
        left -= len(chunk)


def _url(action: HttpGet, host: str) -> URL:
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    return _parsed(f"{action.scheme}://{parsing.format_host_port(host, action.port)}{path}")


def _parsed(text: str) -> URL:
    """As it stands, without its fragment; only what no target may contain is escaped. Raises ValueError."""
    return URL(quote(text.partition("#")[0], safe=_LEGAL), encoded=True)


def _fields(action: HttpGet, agent: str) -> CIMultiDict[str]:
    fields = CIMultiDict(action.headers)
    fields.setdefault("User-Agent", agent)
    if not fields.setdefault("Accept", "*/*"):
        fields.popall("Accept")  # given as nothing: left out
    fields.setdefault("Connection", "close")
    return fields
