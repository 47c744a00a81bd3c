"""Bodies of answers: whole, or line by line, of JSON objects, and never more than a largest size."""

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import orjson

from sidecar.kube.errors import UNREADABLE, ApiError, from_status

Object = dict[str, Any]


async def whole(response: aiohttp.ClientResponse, largest: int, what: str) -> bytes:
    """Raise `ApiError` when it is larger."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > largest:
            raise ApiError(0, UNREADABLE, f"{what}: an answer of more than {largest} bytes")
        parts.append(part)
    return b"".join(parts)


async def lines(response: aiohttp.ClientResponse, largest: int, what: str) -> AsyncGenerator[bytes, None]:
    """Whole lines; half a line at the end was half an event, which the next watch brings again."""
    buffer = bytearray()
    async for part in response.content.iter_any():
        buffer += part
        if b"\n" in part:
            *complete, rest = bytes(buffer).split(b"\n")
            buffer = bytearray(rest)
            for line in filter(bytes.strip, complete):
                yield line
        if len(buffer) > largest:
            raise ApiError(0, UNREADABLE, f"{what}: an event of more than {largest} bytes")


def parse(raw: bytes, what: str) -> Object:
    """Raise `ApiError` for anything but a JSON object."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ApiError(0, UNREADABLE, f"{what}: not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ApiError(0, UNREADABLE, f"{what}: not a JSON object")
    return found


def event(line: bytes, what: str) -> tuple[str, Object]:
    """(type, object) of one line of a watch. Raises `ApiError`, for an ERROR event too."""
    found = parse(line, what)
    kind, about = found.get("type"), found.get("object")
    if kind == "ERROR":
        raise from_status(about, 500, what)
    if not isinstance(kind, str) or not isinstance(about, dict):
        raise ApiError(0, UNREADABLE, f"{what}: an event without type and object")
    return kind, about


async def refusal(response: aiohttp.ClientResponse, largest: int, what: str) -> ApiError:
    """What an answer that is not of 2xx says."""
    raw = await whole(response, largest, what)
    after = response.headers.get("Retry-After", "")
    retry_after_s = float(after) if after.isascii() and after.isdigit() else None
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        said = raw[:200].decode("utf-8", "replace")
    return from_status(said, response.status, what, retry_after_s)
