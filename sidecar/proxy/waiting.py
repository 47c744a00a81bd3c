"""Exchanges that wait for a source's answer, by the question that was asked."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sidecar.policy.catalog import Catalog
from sidecar.policy.endpoints import EndpointsChanged
from sidecar.policy.hosts import is_cluster_name, split_authority
from sidecar.policy.services import Service
from sidecar.proxy.message import RequestHead
from sidecar.proxy.original_dst import split

if TYPE_CHECKING:
    from sidecar.proxy.exchange import Exchange

SEEK_TIMEOUT_S: Final = 5.0
REDIRECTED_S: Final = 1.0
"""The same where there is somewhere to go without an answer: the original destination."""

Question = tuple[str, int | None]
"""Canonical host or IP, port; None: the request named none."""


class Waiter:
    """An exchange, and what it still waits for."""

    __slots__ = ("decide", "exchange", "open", "original")

    def __init__(
        self,
        exchange: "Exchange",
        asked: list[Question],
        original: str = "",
        decide: Callable[[], Service | None] | None = None,
    ) -> None:
        self.exchange = exchange
        self.open = set(asked)
        self.original = original
        """Where a redirected connection was going, and `decide`: where it goes; None while nobody knows."""
        self.decide = decide

    @property
    def patience_s(self) -> float:
        """How long it waits."""
        return SEEK_TIMEOUT_S if self.decide is None else REDIRECTED_S


class Waiting:
    """Who waits for which answer. An exchange may wait for several."""

    def __init__(self) -> None:
        self._waiters: dict[Question, list[Waiter]] = {}

    def __repr__(self) -> str:
        return f"<Waiting for {list(self._waiters)}>"

    def __len__(self) -> int:
        return len(self._waiters)

    def add(self, waiter: Waiter) -> None:
        """From now on."""
        for question in waiter.open:
            self._waiters.setdefault(question, []).append(waiter)

    def remove(self, waiter: Waiter) -> None:
        """It waits no longer, whatever for."""
        for question in waiter.open:
            others = self._waiters.get(question, [])
            if waiter in others:
                others.remove(waiter)
            if not others:
                self._waiters.pop(question, None)
        waiter.open.clear()

    def answered(self, host: str, event: EndpointsChanged) -> list[Waiter]:
        """Those whose question the event, of the canonical `host`, is an answer to; they wait for it no longer."""
        found: list[Waiter] = []
        for question in _questions_of(host, event):
            for waiter in self._waiters.pop(question, ()):
                waiter.open.discard(question)
                found.append(waiter)
        return found


def _questions_of(host: str, event: EndpointsChanged) -> list[Question]:
    asked: list[Question] = [(host, event.port)]
    if event.portless or event.port == 80:
        asked.append((host, None))
    for address in event.addresses:
        ip, port = split(address)
        asked += [(ip, port), (ip, None)] if port == 80 else [(ip, port)]
    return asked


def questions(catalog: Catalog, head: RequestHead, original: str, *, by_address: bool) -> list[Question]:
    """What to ask a source about a destination nobody has published; `by_address`: whether it knows cluster IPs.

    A source that only knows names is asked for those of the cluster alone: other destinations are not in the mesh.
    """
    ip, port = split(original)
    asked: list[Question] = [(ip, port)] if by_address else []
    host, named_port = split_authority(head.authority)
    if host != ip and (by_address or is_cluster_name(host)):
        asked.append((catalog.canonical(host), port if named_port is None else named_port))
    return asked
