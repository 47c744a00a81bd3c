"""What one exchange may take: time and space. Immutable; swapped whole."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; None means no bound. Checked on a coarse wheel (`proxy.wheel`), so ±50 ms."""

    connect_s: float = 1.0
    """TCP connect to an endpoint."""
    first_byte_s: float | None = 60.0
    """From the last request byte sent to the first response byte; also: time to receive a whole head."""
    idle_s: float | None = 300.0
    """Without a byte in either direction, on either side."""
    total_s: float | None = None
    """From request head to response end."""
    sniff_s: float | None = 1.0
    """What a redirected connection has to show that it is HTTP; then its destination may speak first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, counts per endpoint."""

    head_bytes: int = 64 * 1024
    """Start line, field lines and blank line of one message; trailers have as much again."""
    head_fields: int = 100
    in_flight: int = 1024
    """Requests at one endpoint from here; more wait."""
    pending: int = 128
    """Requests waiting for a slot at one endpoint; more are answered 503 `overflow`."""
    replay_bytes: int = 64 * 1024
    """How much of a request body is kept for another attempt."""
    pool_idle_s: float = 60.0
    """An unused pooled connection is closed after this."""
    pool_age_s: float = 600.0
    """A pooled connection is not reused after this, so that load follows DNS and rollouts."""
