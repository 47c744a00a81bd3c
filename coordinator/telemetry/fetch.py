"""One small JSON answer from somebody who may be broken: bounded in size and time, no redirects, cookies or proxy."""

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import orjson

CONNECT_S: Final = 1.0


class Silence(Exception):
    """Nothing usable came back. `word` is for a metric's label, the text for people."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word
        self.text = text

    def __str__(self) -> str:
        return f"{self.word}: {self.text}"


def session(at_once: int) -> aiohttp.ClientSession:
    """A connection a request: a thousand idle ones would cost more memory than what they save in time."""
    connector = aiohttp.TCPConnector(limit=at_once, force_close=True, resolver=aiohttp.ThreadedResolver())
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={
            "User-Agent": "equilibrium-coordinator",
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # what is compressed may be far larger than what was counted
        },
        auto_decompress=False,
    )


async def answer(
    pool: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    timeout_s: float,
    most_bytes: int,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Status and body, whatever the status. Raises `Silence`: unreachable, timeout, too-large, redirect."""
    timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s))
    try:
        async with pool.request(
            method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            if 300 <= response.status < 400:
                raise Silence("redirect", f"{url} answered {response.status}; redirects are not followed")
            return response.status, await _body(response, most_bytes, url)
    except TimeoutError:
        raise Silence("timeout", f"{url} did not answer within {timeout_s:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that is none
        raise Silence("unreachable", f"{url}: {str(error) or type(error).__name__}"[:300]) from None


def parse(body: bytes, what: str) -> dict[str, Any]:
    """A JSON object. Raises `Silence`: garbage."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Silence("garbage", f"{what} answered no JSON ({error})") from None
    if not isinstance(found, dict):
        raise Silence("garbage", f"{what} answered JSON that is no object")
    return found


async def _body(response: aiohttp.ClientResponse, most_bytes: int, url: str) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > most_bytes:
            raise Silence("too-large", f"{url} answered more than {most_bytes} bytes")
        parts.append(part)
    return b"".join(parts)
