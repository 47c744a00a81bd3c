"""Route classes: requests whose latencies are comparable (method + path template).

`/api/bus/42?x=1` and `/api/bus/43` are one route, `GET /api/bus/{}`: ids, numbers and UUIDs in the path become
`{}`, the query is left out. Its tables are bounded: a client that invents paths cannot make them grow.
"""

import re
from typing import Final

_ID: Final = re.compile(
    r"[0-9]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,}|(?=[^/]*[0-9])[A-Za-z0-9_~=-]{20,}"
)
_MEMO = 4096
_ROUTES = 256
_LONGEST = 256
OTHER: Final = "other"


def template(method: bytes, target: bytes) -> str:
    """`b"GET", b"/a/7?x"` → `"GET /a/{}"`."""
    path = target.partition(b"?")[0].decode("latin-1")
    if any(map(str.isdigit, path)) or len(path) > 16:
        path = "/".join("{}" if _ID.fullmatch(part) else part for part in path.split("/"))
    return f"{method.decode('latin-1')} {path}"


class Routes:
    """Classifies requests, remembering what it has seen."""

    def __init__(self) -> None:
        self._memo: dict[tuple[bytes, bytes], str] = {}
        self._known: set[str] = set()

    def classify(self, method: bytes, target: bytes) -> str:
        """The route of a request; `other` once there are too many, or when it is too long to remember."""
        try:
            return self._memo[method, target]
        except KeyError:
            return self._learn(method, target)

    def _learn(self, method: bytes, target: bytes) -> str:
        route = template(method, target)
        if route not in self._known:
            if len(self._known) >= _ROUTES or len(route) > _LONGEST:
                route = OTHER
            self._known.add(route)
        if len(self._memo) >= _MEMO:
            self._memo.clear()
        if len(target) <= _LONGEST:
            self._memo[method, target] = route
        return route
