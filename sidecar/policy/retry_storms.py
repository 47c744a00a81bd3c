"""Which requests are retries, and when they are too many.

A retry is marked by the sidecar that sent it (`X-GT-Attempt` above 1), or it repeats an `Idempotency-Key`
(draft-ietf-httpapi-idempotency-key-header) within a minute. The same path over and over is none: popular GETs are not
storms. The allowance is that of retry budgets (Finagle, Linkerd: 20 % of requests plus 10 a second), so a caller whose
own sidecar keeps its budget never exceeds it for long.
"""

from collections import OrderedDict
from typing import Final

REMEMBERED_S: Final = 60.0


class KeyMemory:
    """The most recent keys of one caller. Keys may be long: only their (seeded) hashes are kept."""

    __slots__ = ("_most", "_seen_at")

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen_at: OrderedDict[int, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen_at)

    def repeated(self, key: bytes, now: float) -> bool:
        """Remember it; True if it was seen within the last minute."""
        mark = hash(key)
        before = self._seen_at.get(mark)
        self._seen_at[mark] = now
        if before is None:
            if len(self._seen_at) > self._most:
                self._seen_at.popitem(last=False)
            return False
        self._seen_at.move_to_end(mark)
        return now - before <= REMEMBERED_S


def excess(requests: int, retries: int, elapsed_s: float, share: float, free: float) -> float:
    """Retries per second beyond `share` of the requests (retries included) and `free` a second; ≤ 0: no storm."""
    return (retries - share * requests) / elapsed_s - free
