"""An invented mesh that lives: shares wander, pods fall ill and recover, advice changes each second."""

import math
import random
from dataclasses import dataclass, field

from dashboards.live import frame

PODS = ("bus-service", "trajet-service", "user-service", "ticket-service", "mail-service")


@dataclass(frozen=True, slots=True)
class Size:
    """`changes`: how many cells change between two frames; None: all of them."""

    callers: int = 8
    endpoints: int = 4
    services: int = 3
    changes: int | None = None
    advice: bool = True
    names: tuple[str, ...] = ()
    """Of the first callers, where a test wants some in particular."""

    @property
    def series(self) -> int:
        """Callers × endpoints × services."""
        return self.callers * self.endpoints * self.services


@dataclass(slots=True)
class World:
    """`next(at)` is the frame of that instant."""

    size: Size
    rng: random.Random
    every_s: float = 1.0
    tick: int = 0
    services: dict[str, frame.Service] = field(default_factory=dict)
    events: dict[str, frame.Event] = field(default_factory=dict)
    potentials: list[float] = field(default_factory=list)

    def next(self, at: float) -> frame.Frame:
        """One step further."""
        self.tick += 1
        if not self.services or self.size.changes is None:
            self.services = {name: self._service(name) for name in self._names()}
        else:
            self._change(self.size.changes)
        if self.tick % 3 == 1:
            self._happened(at)
        self.potentials = [*self.potentials[-59:], -900.0 * math.exp(-self.tick / 12) + self.rng.gauss(0, 3)]
        return frame.Frame(
            at=at,
            source=frame.Source(
                kind="mesh",
                name="an invented mesh",
                every_s=self.every_s,
                note=f"{self.size.series} series",
                tolerance=0.15,
                obedience=0.05,
            ),
            services=self.services,
            reputations=self._reputations(),
            market=self._market(at),
            events=dict(self.events),
        )

    # -- routing

    def _names(self) -> list[str]:
        return [
            f"{PODS[n % len(PODS)]}{n // len(PODS) or ''}.default:8080" for n in range(self.size.services)
        ]

    def _callers(self) -> list[str]:
        made = [f"default/gateway-{n}" for n in range(self.size.callers)]
        return [*self.size.names, *made][: self.size.callers]

    def _service(self, name: str) -> frame.Service:
        short = name.partition(".")[0]
        endpoints = {f"10.1.{len(short)}.{n}:8080": f"{short}-{n}" for n in range(self.size.endpoints)}
        ill = (self.tick // 12) % max(1, self.size.endpoints * 2)
        rows = {caller: self._row(endpoints, ill, at) for at, caller in enumerate(self._callers())}
        advice = frame.Advised(epoch=1 + self.tick // 10, gap=0.004, welfare_ratio=1.02, players=len(rows))
        return frame.Service(endpoints=endpoints, rows=rows, advice=advice if self.size.advice else None)

    def _row(self, endpoints: dict[str, str], ill: int, place: int) -> frame.Row:
        weights = [(0.04 if at == ill else 1.0) * self.rng.uniform(0.5, 1.5) for at in range(len(endpoints))]
        shares = [weight / sum(weights) for weight in weights]
        told = self.rng.randrange(len(endpoints))
        gap = abs(self.rng.gauss(0.05, 0.05))
        cells = {
            address: frame.Cell(
                share=share,
                mix=share,
                regret=abs(self.rng.gauss(0.0, 0.02)) + (0.0 if at != ill else 0.1),
                cost_s=0.012 * self.rng.uniform(0.9, 1.1) * (9.0 if at == ill else 1.0),
                latency_s=0.011 * self.rng.uniform(0.9, 1.1) * (11.0 if at == ill else 1.0),
                load=round(share * 3, 1),
                health=("ejected" if place % 3 == 0 else "probing") if at == ill else "admitted",
                advised=(1.0 if at == told else 0.0) if self.size.advice else None,
            )
            for at, (address, share) in enumerate(zip(endpoints, shares, strict=True))
        }
        return frame.Row(
            node=f"node-{place % 4}",
            rate_per_s=40.0 * self.rng.uniform(0.9, 1.1),
            gap=gap,
            nash=int(gap <= 0.15),
            lyapunov=0.002 + 0.05 * math.exp(-(self.tick % 12) / 3) * self.rng.uniform(0.8, 1.2),
            p99_s=0.02 * self.rng.uniform(0.9, 1.2),
            obeys=place % 7 != 5 if self.size.advice else None,
            conditional_regret=0.01 + 0.08 * (place % 7 == 5) if self.size.advice else None,
            why="the advice would cost it more than its own mix" if place % 7 == 5 else None,
            cells=cells,
        )

    def _change(self, count: int) -> None:
        """New figures for so many cells, the rest as it was."""
        for _ in range(count):
            name = self.rng.choice(list(self.services))
            service = self.services[name]
            caller = self.rng.choice(list(service.rows))
            row = service.rows[caller]
            address = self.rng.choice(list(row.cells))
            new = frame.Cell(
                share=self.rng.random(), regret=self.rng.random(), latency_s=0.01, health="admitted"
            )
            assert isinstance(row.cells, dict)  # noqa: S101  as `_row` made it
            row.cells[address] = new

    # -- the rest

    def _reputations(self) -> dict[str, frame.Standing]:
        found = {}
        for place, caller in enumerate(self._callers()[:24]):
            score = 0.12 if place == 3 else min(1.0, 0.9 + 0.01 * (place % 10))
            standing = frame.Standing(
                target="default/bus-service-0",
                caller=caller,
                score=score,
                punished=place == 3,
                level=2 if place == 3 else None,
            )
            found[f"{standing.target} {caller}"] = standing
        return found

    def _market(self, at: float) -> frame.Market:
        nodes = {f"node-{n}": self._node(n) for n in range(2)}
        return frame.Market(
            cycle=1 + self.tick // 5,
            at=at,
            potential=self.potentials[-1],
            fairness=0.97,
            nodes=nodes,
            potentials=self.potentials,
        )

    def _node(self, number: int) -> frame.Node:
        pods = {}
        for n, (verdict, why) in enumerate(
            [
                ("applied", "demand 0.90 × budget 2 at price 0.0021"),
                ("held", "cooldown: 12 s left"),
                ("vetoed", "memory: needs 96 MiB, would have 64"),
                ("as it is", ""),
            ]
        ):
            demand = abs(math.sin(self.tick / 20 + n + number))
            has = 200 + 150 * n
            pods[f"default/{PODS[n]}-{number}"] = frame.Pod(
                container="app",
                demand=demand,
                demand_from="sidecar",
                budget=1.0 + n % 2,
                bid=demand * (1.0 + n % 2),
                usage_m=has * (0.3 + 0.65 * demand),
                has_m=has,
                gets_m=has + (50 if verdict == "applied" else 0),
                floor_m=100,
                cap_m=1000,
                verdict=verdict,
                why=why or None,
            )
        return frame.Node(capacity_m=2000, price=0.0021, left_m=0, pods=pods)

    def _happened(self, at: float) -> None:
        kinds: list[tuple[str, str, frame.Tone]] = [
            ("ejected", "bus-service-1 is ejected: 5 failures in a row", "bad"),
            ("readmitted", "bus-service-1 is readmitted: probes succeed", "good"),
            ("Nash", "Nash reached for bus-service", "good"),
            ("applied", "default/bus-service-0: 200m → 250m, demand 0.90 × budget 2", "plain"),
        ]
        kind, text, tone = kinds[(self.tick // 3) % len(kinds)]
        event = frame.Event(at=at, kind=kind, text=text, who=self._callers()[0], tone=tone)
        self.events = dict([*self.events.items()][-199:]) | {str(self.tick): event}
