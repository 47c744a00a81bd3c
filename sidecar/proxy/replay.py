"""A request's body as it came, kept for another attempt; how much is kept has a limit."""


class Replay:
    """`forgotten`: no longer all there, so that no further attempt can be made; `held`: the client has to wait."""

    __slots__ = ("_limit_bytes", "_parts", "_size_bytes", "forgotten", "held")

    def __init__(self, data: bytes, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = len(data)
        self._parts: list[bytes] | None = [data] if data else None
        self.forgotten = False
        self.held = False

    def add(self, data: bytes, *, taken: bool) -> bool:
        """More of it; `taken`: by a connection. True: nobody takes it, and the client is to be held from now on."""
        if self.forgotten:
            return False
        if data:
            self._size_bytes += len(data)
            if self._parts is None:
                self._parts = []
            self._parts.append(data)
        if self._size_bytes <= self._limit_bytes:
            return False
        if taken:
            self.forget()
            return False
        first, self.held = not self.held, True
        return first

    def body(self) -> bytes:
        """All of it so far; what has been forgotten is nothing."""
        return b"".join(self._parts) if self._parts is not None else b""

    def taken(self) -> bool:
        """A connection has all of it so far: what is beyond the limit is let go. True: the client was being held."""
        if self._size_bytes > self._limit_bytes:
            self.forget()
        was, self.held = self.held, False
        return was

    def forget(self) -> None:
        """There will be no further attempt."""
        self._parts = None
        self.forgotten = True
