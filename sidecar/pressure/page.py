"""Gets the application's own page of metrics: loopback only, bounded, and nothing of it is followed or kept."""

import re
from typing import Final

from sidecar import parsing
from sidecar.parsing import unfit
from sidecar.pressure.usage import LARGEST_BYTES

ALLOWED: Final = "http://127.0.0.1:PORT/PATH, a loopback address of this pod"
_URL: Final = re.compile(r"http://(\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost):([0-9]{1,5})(?:/[!\"$-~]*)?")


def parse_url(text: str) -> str:
    """A URL on loopback with its port. Raises `ParseError` with what is allowed."""
    match = _URL.fullmatch(text)
    if match is None:
        raise unfit("not a URL with a port", ALLOWED)
    host, _ = parsing.parse_listener(f"{match[1]}:{match[2]}", least=1)
    if not parsing.is_loopback(host):
        raise unfit(f"{host} is not loopback", ALLOWED)
    return text.replace("//localhost:", "//127.0.0.1:", 1)


async def fetch(url: str) -> bytes:
    """The page's body, one byte more than allowed at most. Raises what aiohttp raises, or ValueError."""
    import aiohttp  # a sidecar without such a page never needs the client

    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200:
            raise ValueError(f"answered {response.status}")
        body = bytearray()
        while len(body) <= LARGEST_BYTES and (chunk := await response.content.read(LARGEST_BYTES)):
            body += chunk
        return bytes(body)
