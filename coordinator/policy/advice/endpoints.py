"""What sidecars say of endpoints, in little room: a thousand of them say it of a hundred each, and twice over while an
epoch is worked out.

As objects that is 300 bytes an endpoint. Here its figures are 56 in one array of its service, and its words (address,
name, health), which all callers of a service repeat, are kept once for all of them.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, overload

Words = tuple[str, str, str]
"""Address, name, health."""

_SHARED: Final = 1024
_SHARED_ENDPOINTS: Final = 64
"""Lists of words that are kept, and their lengths: who says something else each time must not fill memory with it."""
_FIGURES: Final = 7
_NOT_SAID: Final = float("nan")


@dataclass(slots=True, kw_only=True)  # not frozen: that makes a hundred of them twice as dear to read
class EndpointReport:
    """One endpoint as one sidecar sees it; None where it did not say. Rates in requests/s, times in seconds."""

    address: str
    name: str = ""
    rate_per_s: float = 0.0
    latency_s: float | None = None
    load: float | None = None
    share: float | None = None
    mix: float | None = None
    regret: float | None = None
    cost_s: float | None = None
    health: str = ""
    """As the router calls it; empty: it did not say."""

    @property
    def admitted(self) -> bool:
        """It may be sent to; so too where nothing is said of its health."""
        return self.health in {"", "admitted"}


class Endpoints(Sequence[EndpointReport]):
    """Of one service, packed. An endpoint that is looked at is made anew: a copy."""

    __slots__ = ("_figures", "words")

    def __init__(self, endpoints: Sequence[EndpointReport] = ()) -> None:
        spoken = words(endpoints)
        self.words = _once(spoken) if len(spoken) <= _SHARED_ENDPOINTS else spoken
        self._figures = array("d", [figure for each in endpoints for figure in _figures(each)])

    def __repr__(self) -> str:
        return f"Endpoints({list(self)})"

    def __len__(self) -> int:
        return len(self.words)

    @overload
    def __getitem__(self, place: int) -> EndpointReport: ...

    @overload
    def __getitem__(self, place: slice) -> list[EndpointReport]: ...

    def __getitem__(self, place: int | slice) -> EndpointReport | list[EndpointReport]:
        if isinstance(place, slice):
            return [self._at(each) for each in range(len(self))[place]]
        return self._at(range(len(self))[place])

    def __iter__(self) -> Iterator[EndpointReport]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Endpoints) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def sent_per_s(self) -> float:
        """The sum of the rates."""
        return sum(self._figures[::_FIGURES])

    def _at(self, place: int) -> EndpointReport:
        address, name, health = self.words[place]
        rate_per_s, *others = self._figures[_FIGURES * place : _FIGURES * (place + 1)]
        latency_s, load, share, mix, regret, cost_s = (None if each != each else each for each in others)
        return EndpointReport(
            address=address,
            name=name,
            health=health,
            rate_per_s=rate_per_s,
            latency_s=latency_s,
            load=load,
            share=share,
            mix=mix,
            regret=regret,
            cost_s=cost_s,
        )


def words(endpoints: Sequence[EndpointReport]) -> tuple[Words, ...]:
    """Of each."""
    if isinstance(endpoints, Endpoints):
        return endpoints.words
    return tuple((each.address, each.name, each.health) for each in endpoints)


def sent_per_s(endpoints: Sequence[EndpointReport]) -> float:
    """The sum of the rates."""
    if isinstance(endpoints, Endpoints):
        return endpoints.sent_per_s
    return sum(each.rate_per_s for each in endpoints)


def _figures(endpoint: EndpointReport) -> tuple[float, ...]:
    """`rate_per_s` first."""
    said = (
        endpoint.rate_per_s,
        endpoint.latency_s,
        endpoint.load,
        endpoint.share,
        endpoint.mix,
        endpoint.regret,
        endpoint.cost_s,
    )
    return tuple(_NOT_SAID if each is None else each for each in said)


@lru_cache(maxsize=_SHARED)
def _once(spoken: tuple[Words, ...]) -> tuple[Words, ...]:
    """One copy for all who say the same."""
    return spoken
