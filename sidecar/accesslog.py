"""Optional JSON lines, one a sampled request, for people and for replaying through the lab.

Query strings, cookies and credentials never enter it. Written off the request path: lines gather in memory and
a thread writes them every quarter second; a full disk or a slow reader costs lines (counted), never requests.
"""

import os
import random
from collections import Counter
from typing import Final

import orjson

from sidecar import clock
from sidecar.errors import ConfigError
from sidecar.proxy.exchange import Exchange
from sidecar.proxy.http1.server import ServerConnection

FLUSH_S: Final = 0.25
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK
_MOST_LINES: Final = 20_000


class AccessLog:
    """`path`: `-` is stdout. `sample`: share of requests written, 0 to 1; `scale` of that while memory is short."""

    def __init__(self, path: str, sample: float, rng: random.Random, events: Counter[str]) -> None:
        self._sample = sample
        self.scale = 1.0
        self._rng = rng
        self._events = events
        self._lines: list[bytes] = []
        self._rest = b""
        try:
            self._fd = _open_stdout() if path == "-" else os.open(path, _FLAGS | os.O_CREAT, 0o640)
        except OSError as error:
            raise ConfigError([f"EQUILIBRIUM_ACCESS_LOG={path!r}: {error.strerror}"]) from error

    def finished(self, listener: str, exchange: Exchange, now: float) -> None:
        """Note one exchange."""
        sample = self._sample * self.scale
        if sample < 1.0 and self._rng.random() >= sample:
            return
        if len(self._lines) >= _MOST_LINES:
            self._events["access_log_lost"] += 1
            return
        self._lines.append(orjson.dumps(_entry(listener, exchange, now)))

    def flush(self) -> None:
        """Write what has gathered (call from a thread). What cannot be written now waits; a full disk loses it."""
        lines, self._lines = self._lines, []
        data, count = self._rest + b"".join([line + b"\n" for line in lines]), len(lines)
        if not data:
            return
        try:
            written = os.write(self._fd, data)
        except BlockingIOError:
            written = 0
        except OSError:  # disk full, pipe closed
            self._events["access_log_lost"] += count
            self._rest = b"\n" if self._rest else b""  # what comes after a half-written line starts a new one
            return
        self._rest = data[written:]
        if len(self._rest) > (1 << 22):
            self._events["access_log_lost"] += self._rest.count(b"\n")
            self._rest = b""

    def close(self) -> None:
        """Write the last lines."""
        self.flush()
        os.close(self._fd)


def _open_stdout() -> int:
    """Standard output as a description of our own: non-blocking without making anybody else's so."""
    try:
        return os.open("/proc/self/fd/1", _FLAGS)
    except OSError:  # a socket cannot be opened again
        return os.dup(1)


def _entry(listener: str, exchange: Exchange, now: float) -> dict[str, object]:
    service, head = exchange.service, exchange.head
    down = exchange.down
    return {
        "time": round(clock.wall_s(), 6),
        "listener": listener,
        "method": head.method.decode("latin-1"),
        "path": head.target.partition(b"?")[0].decode("latin-1"),
        "service": service.name if service is not None else head.authority.decode("latin-1"),
        "route": exchange.route,
        "endpoint": exchange.endpoint,
        "status": exchange.status,
        "reason": exchange.reason,
        "duration_ms": round((now - exchange.started) * 1000.0, 3),
        "attempts": exchange.attempts.made,
        "request_bytes": exchange.received_bytes,
        "response_bytes": exchange.sent_bytes,
        "caller": down.peer.workload if isinstance(down, ServerConnection) else "",
    }
