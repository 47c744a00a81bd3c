"""Attempts at requests: which request each is of, where it went and when, and whether it has been settled."""


class Attempts:
    """Attempt numbers below the number of requests are first attempts of those requests; copies come after."""

    def __init__(self, requests: int) -> None:
        self.pod = [0] * requests
        self.began = [0.0] * requests
        self._state = bytearray(requests)  # 0 open, 1 settled, 2 cancelled
        self._of: list[int] = []
        self._copies: dict[int, list[int]] = {}
        self._requests = requests

    def begin(self, attempt: int, pod: int, now: float) -> None:
        """It goes there now."""
        self.pod[attempt] = pod
        self.began[attempt] = now

    def request(self, attempt: int) -> int:
        """Which one it is of."""
        return attempt if attempt < self._requests else self._of[attempt - self._requests]

    def settled(self, attempt: int) -> bool:
        """Whether it was before; it is from now on, unless it was cancelled."""
        if self._state[attempt] == 1:
            return True
        if self._state[attempt] == 0:
            self._state[attempt] = 1
        return False

    def cancelled(self, attempt: int) -> bool:
        """Whether it was, and has not been settled since; it is from now on."""
        if self._state[attempt] != 2:
            return False
        self._state[attempt] = 1
        return True

    def cancel(self, attempt: int) -> None:
        """Nobody waits for it any more."""
        self._state[attempt] = 2

    def add(self, request: int) -> int:
        """One more of this request; its number."""
        attempt = self._requests + len(self._of)
        self._of.append(request)
        self.pod.append(0)
        self.began.append(0.0)
        self._state.append(0)
        self._copies.setdefault(request, [request]).append(attempt)
        return attempt

    def copies(self, request: int) -> int:
        """Attempts there have been, the first included."""
        return len(self._copies.get(request, (request,)))

    def tried(self, request: int) -> frozenset[int]:
        """Pods that had this request."""
        return frozenset(self.pod[each] for each in self._copies.get(request, (request,)) if self.began[each])

    def others(self, request: int, attempt: int) -> list[int]:
        """Open ones besides this."""
        known = self._copies.get(request)
        return [each for each in known if each != attempt and not self._state[each]] if known else []
