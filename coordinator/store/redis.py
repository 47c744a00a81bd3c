"""The store several coordinators share: Redis 5 and later, one instance; no cluster mode, no scripts, no persistence.

| key | type | holds | lives |
|---|---|---|---|
| `equilibrium:v1:report:NAMESPACE/POD` | string | a report's JSON | as long as a sidecar may be silent |
| `equilibrium:v1:reporting` | sorted set | sidecars by when their report ends | 1 h |
| `equilibrium:v1:epoch`, `…:epoch:version` | strings | the epoch in force, and its version | as long as its columns |
| `equilibrium:v1:reputation` | hash | `CALLER|TARGET` → score, punished, at | 5 min after the last word |

Every command has a time limit, so that a Redis that hangs costs a moment of a background task and nobody's answer. The
`redis` package is imported here and nowhere else: who does not configure a store does not load it.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final

import orjson
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as TooSlow

from coordinator.store import gossip
from coordinator.store.interface import Standing, Store, Stored, StoreError
from sidecar import clock

PREFIX: Final = "equilibrium:v1:"
TIMEOUT_S: Final = 2.0
"""For one command."""
TOTAL_S: Final = 10.0
"""For one method, which is a few commands."""
LARGEST_REPORT: Final = 1024 * 1024
LARGEST_EPOCH: Final = 16 * 1024 * 1024
"""Before it is packed."""
MOST_REPORTS: Final = 4096
_PART: Final = 256
_INDEX_S: Final = 3600
_INDEX: Final = f"{PREFIX}reporting"
_EPOCH: Final = f"{PREFIX}epoch"
_VERSION: Final = f"{PREFIX}epoch:version"
_REPUTATION: Final = f"{PREFIX}reputation"


class Redis(Store):
    """`url`: redis://[:PASSWORD@]HOST:PORT/DB, rediss:// with TLS. Connects when it is first used."""

    shared = True

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._client: Any = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),  # when to try again is `sync`'s business
            max_connections=4,
            decode_responses=False,
        )

    def __repr__(self) -> str:
        return "Redis()"  # its URL may hold a password

    async def put_reports(self, bodies: Mapping[str, bytes], ttl_s: float) -> None:
        """In parts, so that no command is large."""
        ends = clock.wall_s() + ttl_s
        fit = {name: body for name, body in bodies.items() if len(body) <= LARGEST_REPORT}
        async with _bounded():
            for part in _parts(fit.items()):
                pipe = self._client.pipeline(transaction=False)
                for sidecar, body in part:
                    pipe.set(f"{PREFIX}report:{sidecar}", body, px=_ms(ttl_s))
                pipe.zadd(_INDEX, {sidecar: ends for sidecar, _ in part})
                pipe.expire(_INDEX, _INDEX_S)
                await pipe.execute()
        if len(fit) < len(bodies):
            raise StoreError("too-large", f"{len(bodies) - len(fit)} reports above {LARGEST_REPORT} bytes")

    async def reports(self) -> Mapping[str, bytes]:
        """The latest `MOST_REPORTS` of the index; whose report has ended is left out."""
        found: dict[str, bytes] = {}
        async with _bounded():
            await self._client.zremrangebyscore(_INDEX, "-inf", clock.wall_s())
            names = await self._client.zrevrange(_INDEX, 0, MOST_REPORTS - 1)
            for part in _parts(name.decode("utf-8", "replace") for name in names):
                bodies = await self._client.mget([f"{PREFIX}report:{sidecar}" for sidecar in part])
                found |= {name: body for name, body in zip(part, bodies, strict=True) if body is not None}
        return found

    async def put_epoch(self, stored: Stored, ttl_s: float) -> None:
        """The epoch before its version, in one transaction."""
        plain = orjson.dumps({"version": stored.version, "epoch": stored.body})
        if len(plain) > LARGEST_EPOCH:
            raise StoreError("too-large", f"an epoch of {len(plain)} bytes; at most {LARGEST_EPOCH}")
        packed = await asyncio.to_thread(zlib.compress, plain, 1)
        async with _bounded():
            pipe = self._client.pipeline(transaction=True)
            pipe.set(_EPOCH, packed, px=_ms(ttl_s))
            pipe.set(_VERSION, stored.version, px=_ms(ttl_s))
            await pipe.execute()

    async def version(self) -> str:
        """A short answer, for asking often."""
        async with _bounded():
            found = await self._client.get(_VERSION)
        return found.decode("utf-8", "replace")[:256] if found is not None else ""

    async def epoch(self) -> Stored | None:
        """With its version inside, so that the two fit."""
        async with _bounded():
            packed = await self._client.get(_EPOCH)
        return await asyncio.to_thread(_unpacked, packed) if packed is not None else None

    async def gossip(
        self, standings: Mapping[tuple[str, str], Standing]
    ) -> Mapping[tuple[str, str], Standing]:
        """Read, merge, write what is newer here. Of two at once one may lose a word; the next round repeats it."""
        told = gossip.Gossip()
        wall_s = clock.wall_s()
        async with _bounded():
            fields = await self._client.hgetall(_REPUTATION)
            known, stale = _standings(fields, wall_s)
            told.hear(known.values(), wall_s)
            told.hear(standings.values(), wall_s)
            newer = {pair: said for pair, said in told.known.items() if known.get(pair) != said}
            pipe = self._client.pipeline(transaction=False)
            if newer:
                pipe.hset(
                    _REPUTATION,
                    mapping={
                        "|".join(pair): orjson.dumps(gossip.plain(said)) for pair, said in newer.items()
                    },
                )
                pipe.pexpire(_REPUTATION, _ms(gossip.KEPT_S))
            for part in _parts(stale):
                pipe.hdel(_REPUTATION, *part)
            if newer or stale:
                await pipe.execute()
        return dict(told.known)

    async def close(self) -> None:
        """Connections."""
        await self._client.aclose()


def _standings(
    fields: Mapping[bytes, bytes], wall_s: float
) -> tuple[dict[tuple[str, str], Standing], list[bytes]]:
    """Those that can be read and still count, and the fields of the others."""
    known: dict[tuple[str, str], Standing] = {}
    stale: list[bytes] = []
    for field, value in fields.items():
        caller, _, target = field.decode("utf-8", "replace").partition("|")
        try:
            said = gossip.of_plain((caller, target), orjson.loads(value))
        except ValueError:
            stale.append(field)
            continue
        if said.at < wall_s - gossip.KEPT_S:
            stale.append(field)
        else:
            known[caller, target] = said
    return known, stale


def _unpacked(packed: bytes) -> Stored:
    """Raises `StoreError` for what is no epoch of ours, or grows too large."""
    try:
        unpacking = zlib.decompressobj()
        plain = unpacking.decompress(packed, LARGEST_EPOCH)
        if unpacking.unconsumed_tail:
            raise StoreError("unreadable", f"the epoch is larger than {LARGEST_EPOCH} bytes")
        found = orjson.loads(plain)
        return Stored(str(found["version"])[:256], dict(found["epoch"]))
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise StoreError("unreadable", f"the epoch: {error!r}"[:200]) from None


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    """What Redis and its client raise, as one of our few reasons."""
    try:
        async with asyncio.timeout(TOTAL_S):
            yield
    except (TooSlow, TimeoutError):
        raise StoreError("slow", f"no answer within {TIMEOUT_S:g} s") from None
    except OutOfMemoryError as error:
        raise StoreError("full", str(error)[:200]) from None
    except AuthenticationError as error:
        raise StoreError("refused", str(error)[:200]) from None
    except (Unreachable, OSError) as error:
        raise StoreError("unreachable", str(error)[:200]) from None
    except ResponseError as error:
        raise StoreError("full" if str(error).startswith("OOM") else "refused", str(error)[:200]) from None
    except RedisError as error:
        raise StoreError("unreadable", repr(error)[:200]) from None
    finally:
        _heed_cancellation()


def _heed_cancellation() -> None:
    """The client may swallow it (an answer that comes at the same moment, a connection that ends): who was told to
    stop must not go on for another round."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _parts(items: Any) -> Iterator[list[Any]]:
    """Lists of at most `_PART`."""
    rest = iter(items)
    while part := list(islice(rest, _PART)):
        yield part


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
