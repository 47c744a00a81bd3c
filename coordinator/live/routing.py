"""Reports and advice as callers × endpoints. Pure."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from coordinator.policy.advice.epoch import Action, Epoch
from coordinator.policy.advice.report import EndpointReport, Report, ServiceReport
from dashboards.live import frame

MOST_CELLS: Final = 3000
"""In a frame, every second, of the loop that renews the Lease: these take 50 ms of it."""
MOST_STANDINGS: Final = 500
"""In a frame: those that matter most."""
QUIET_S: Final = 15.0
"""A sidecar that has not reported for so long is shown as silent."""


@dataclass(frozen=True, slots=True)
class Picture:
    """`left_out`: rows of the least requests there was no room for."""

    services: dict[str, frame.Service]
    left_out: int


@dataclass(slots=True)
class _Drawn:
    endpoints: dict[str, str] = field(default_factory=dict)
    rows: dict[str, frame.Row] = field(default_factory=dict)


def picture(
    reports: Mapping[str, Report],
    ages_s: Mapping[str, float],
    epoch: Epoch | None,
    wall_s: float,
    most: int = MOST_CELLS,
) -> Picture:
    """`ages_s`: of each sidecar's report."""
    pairs = [(report, service) for report in reports.values() for service in report.services]
    chosen = _busiest(pairs, most)
    drawn: dict[str, _Drawn] = {}
    for report, service in chosen:
        into = drawn.setdefault(service.service, _Drawn())
        told = _action(epoch, report.sidecar, service.service, wall_s)
        into.rows[report.sidecar] = _row(report, service, told, ages_s.get(report.sidecar, 0.0))
        for endpoint in service.endpoints:
            into.endpoints.setdefault(endpoint.address, endpoint.name or endpoint.address)
    services = {
        name: frame.Service(endpoints=each.endpoints, rows=each.rows, advice=_advised(epoch, name))
        for name, each in sorted(drawn.items())
    }
    return Picture(services, len(pairs) - len(chosen))


def reputations(reports: Mapping[str, Report]) -> dict[str, frame.Standing]:
    """What pods think of their callers: the punished and the worst."""
    said = ((report.sidecar, each) for report in reports.values() for each in report.reputations)
    worst = heapq.nsmallest(MOST_STANDINGS, said, key=lambda pair: (not pair[1].punished, pair[1].score))
    return {
        f"{sidecar} {each.caller}": frame.Standing(
            target=sidecar, caller=each.caller, score=each.score, punished=each.punished
        )
        for sidecar, each in worst
    }


def _busiest(pairs: list[tuple[Report, ServiceReport]], most: int) -> list[tuple[Report, ServiceReport]]:
    if sum(len(service.endpoints) for _, service in pairs) <= most:
        return pairs
    chosen, room = [], most
    for pair in heapq.nlargest(most, pairs, key=lambda pair: pair[1].rate_per_s):
        room -= len(pair[1].endpoints)
        if room < 0:
            break
        chosen.append(pair)
    return chosen


def _row(report: Report, service: ServiceReport, told: Action | None, age_s: float) -> frame.Row:
    return frame.Row(
        node=report.node or None,
        rate_per_s=service.rate_per_s,
        gap=service.gap,
        nash=None if service.nash is None else int(service.nash),
        lyapunov=service.lyapunov,
        potential=service.potential,
        p99_s=service.p99_s,
        obeys=service.obeys if told is not None else None,
        conditional_regret=service.conditional_regret if told is not None else None,
        silent_s=age_s if age_s > QUIET_S else None,
        cells={each.address: _cell(each, told) for each in service.endpoints},
    )


def _cell(endpoint: EndpointReport, told: Action | None) -> frame.Cell:
    return frame.Cell(
        share=endpoint.share,
        mix=endpoint.mix,
        regret=endpoint.regret,
        cost_s=endpoint.cost_s,
        latency_s=endpoint.latency_s,
        load=endpoint.load,
        health=endpoint.health or None,
        advised=told.get(endpoint.address, 0.0) if told is not None else None,
    )


def _action(epoch: Epoch | None, sidecar: str, service: str, wall_s: float) -> Action | None:
    """What it is told to do in this slot; None: nothing."""
    told = epoch.told(sidecar, wall_s).get(service) if epoch is not None else None
    if told is None:
        return None
    counted, actions = told
    place = int(wall_s * 1000 // counted.slot_ms) - counted.first_slot
    return actions[place] if 0 <= place < len(actions) else None


def _advised(epoch: Epoch | None, service: str) -> frame.Advised | None:
    solved = epoch.games.get(service) if epoch is not None else None
    if epoch is None or solved is None:
        return None
    if solved.infeasible:
        return frame.Advised(epoch=epoch.number, infeasible=solved.infeasible)
    gap = solved.gap_s / solved.mean_cost_s if solved.mean_cost_s > 0 else 0.0
    return frame.Advised(
        epoch=epoch.number, gap=gap, welfare_ratio=solved.welfare_ratio, players=solved.players
    )
