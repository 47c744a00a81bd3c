"""Mutations that know what a message looks like: lines, tokens, numbers, other messages; and plain bytes.

Everything is drawn from the `rng` given, so a seed reproduces a run.
"""

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

TOKENS: Final[tuple[bytes, ...]] = (
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"\x7f", b"\x80", b"#", b"@"),
    *(b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"PRI", b"M-SEARCH", b"ANNOUNCE", b"get"),
    *(b"/", b"*", b"http://a/", b"http://a?q", b"https://a/", b"[::1]:8", b"a:99999", b"%41", b"%4"),
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 ", b"100", b"101", b"103", b"200", b"204", b"304"),
    *(
        b"Host: a\r\n",
        b"Host:",
        b"Content-Length: 0\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length:",
        b"+5",
    ),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding:", b"chunked", b"identity", b"gzip, chunked"),
    *(
        b"Connection: close\r\n",
        b"Connection:",
        b"keep-alive",
        b"close",
        b"upgrade",
        b"Upgrade: websocket\r\n",
    ),
    *(b"websocket", b"h2c", b"HTTP2-Settings: AA\r\n", b"Expect: 100-continue\r\n", b"TE: trailers\r\n"),
    *(b"Trailer: x\r\n", b"Via: 1.1 eq-1\r\n", b"X-GT-Caller: a/b\r\n", b"x-gt-", b"Proxy-Connection:"),
    *(b"Idempotency-Key: 1\r\n", b"grpc-timeout: 1S\r\n", b"0\r\n\r\n", b"0\r\n", b"1\r\nx\r\n"),
    *(b"5\r\nhello\r\n", b"5;a=b\r\nhello\r\n", b"ffffffffffffffff\r\n", b"10000000000000000"),
    *(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    b"HTTP/1.1 100 Continue\r\n\r\n",
)

_NUMBER = re.compile(rb"[0-9A-Fa-f]+")
_NUMBERS: Final = (0, 1, 2, 15, 16, 24, 25, 255, 2047, 2048, 4095, 4096, 2**31, 2**32, 2**63, 2**64, 10**18)

Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def mutate(data: bytes, rng: random.Random, others: Sequence[bytes], most: int = 8192) -> bytes:
    """`data` after one to four mutations; `others` lend their parts."""
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        data = rng.choice(_MUTATIONS)(data, rng, others)[:most]
    return data


def _span(data: bytes, rng: random.Random, longest: int = 64) -> tuple[int, int]:
    start = rng.randint(0, len(data))
    return start, min(len(data), start + rng.randint(1, longest))


def _byte(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    start, _ = _span(data, rng)
    return data[:start] + bytes((rng.randrange(256),)) + data[start + 1 :]


def _bit(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]


def _remove(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    start, end = _span(data, rng, rng.choice((1, 2, 8, 64)))
    return data[:start] + data[end:]


def _repeat(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 30)) + data[end:]


def _token(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    start, end = _span(data, rng, 4)
    return data[:start] + rng.choice(TOKENS) + data[rng.choice((start, end)) :]


def _number(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    match = rng.choice(found)
    number = rng.choice((b"%d", b"%x", b"0%d")) % rng.choice(_NUMBERS)
    return data[: match.start()] + number + data[match.end() :]


def _line_twice(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(rng.randint(0, len(lines)), rng.choice(lines))
    return b"\r\n".join(lines)


def _line_lost(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    lines = data.split(b"\r\n")
    del lines[rng.randrange(len(lines))]
    return b"\r\n".join(lines)


def _lines_swapped(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    lines = data.split(b"\r\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\r\n".join(lines)


def _line_borrowed(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(rng.randint(1, len(lines)), rng.choice(rng.choice(others).split(b"\r\n")))
    return b"\r\n".join(lines)


def _spliced(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def _followed(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return data + rng.choice(others)


def _truncated(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return data[: rng.randint(0, len(data))]


def _cased(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[start:end].swapcase() + data[end:]


_MUTATIONS: Final[tuple[Mutation, ...]] = (
    _byte, _bit, _remove, _repeat, _token, _token, _number, _line_twice, _line_lost, _lines_swapped,
    _line_borrowed, _spliced, _followed, _truncated, _cased,
)  # fmt: skip
