"""Where advice is judged: many sidecars, many pods of different speeds, nothing wrong but that nobody sees the whole.

Requests are judged from 20 to 40 s: rules have learnt by then and, where there is a coordinator, it has heard them.
"""

from typing import Final

from loadtest.lab.engine import Engine
from loadtest.lab.scenario import FAULT_AT_S, WORKERS, Scenario

SPEEDS: Final = (0.3, 0.6, 1.0, 1.0, 1.5)
"""Of every five pods, over and over."""
SERVICE_S: Final = 0.040
"""Mean service time at speed 1: requests of an application, not of a cache; about 90 per second and sidecar."""
BOARD_S: Final = 0.2
JUDGED_AT_S: Final = FAULT_AT_S + 10.0


def speeds(pods: int) -> list[float]:
    """Of each pod."""
    return [SPEEDS[pod % len(SPEEDS)] for pod in range(pods)]


def heterogeneous(engine: Engine) -> None:
    """The script: pods are as fast as they are from the start."""
    for pod, speed in zip(engine.pods, speeds(len(engine.pods)), strict=True):
        pod.speed = speed


def world(name: str, title: str, load: float, board_s: float | None = None, pods: int = 50) -> Scenario:
    """`load`: of what the pods can really serve, all together."""
    each = speeds(pods)
    return Scenario(
        name,
        title,
        heterogeneous,
        pods=pods,
        sidecars=64,
        rate=load * sum(each) * WORKERS / SERVICE_S,
        seconds=30.0,
        settle_s=JUDGED_AT_S - FAULT_AT_S,
        service_s=SERVICE_S,
        bad=tuple(pod for pod, speed in enumerate(each) if speed == min(SPEEDS)),
        board_s=board_s,
    )


_PODS: Final = f"64 sidecars, 50 pods at {', '.join(f'{speed:g}' for speed in SPEEDS)} times the speed"
FRESH: Final = (
    world("advice-0.6", f"{_PODS}, load 0.6", 0.6),
    world("advice-0.7", f"{_PODS}, load 0.7", 0.7),
)
STALE: Final = (world("advice-board", f"{_PODS}, load 0.65, a board 200 ms old", 0.65, BOARD_S),)
SMALL: Final = (
    world("advice-board-10", "the same with 10 pods, a board 200 ms old", 0.65, BOARD_S, pods=10),
)
OUTAGE: Final = (world("advice-outage", f"{_PODS}, load 0.65; the coordinator fails at 20 s", 0.65),)
WORLDS: Final[tuple[Scenario, ...]] = (*FRESH, *STALE, *SMALL, *OUTAGE)
