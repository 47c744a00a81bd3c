"""What goes wrong, as small scripts on the engine; each returns the script, so that scenarios read as a table."""

from collections.abc import Callable, Sequence

from loadtest.lab.engine import Engine
from loadtest.lab.scenario import FAULT_AT_S

Script = Callable[[Engine], None]
DISCOVERY_S = 1.0
"""From a pod's end, or its readiness, until every sidecar knows."""


def calm(engine: Engine) -> None:
    """Nothing."""


def fault(pods: Sequence[int], for_s: float | None = None, **changes: float | bool) -> Script:
    """Attributes of `Pod`, set at `FAULT_AT_S` and healed after `for_s`, if at all."""

    def script(engine: Engine) -> None:
        def begin() -> None:
            for pod in pods:
                for name, value in changes.items():
                    setattr(engine.pods[pod], name, value)

        engine.at(FAULT_AT_S, begin)
        if for_s is not None:
            engine.at(FAULT_AT_S + for_s, lambda: engine.heal_all(pods))

    return script


def antagonists(every_s: float, speeds: Sequence[float]) -> Script:
    """Noisy neighbours: every pod's speed is drawn anew again and again."""

    def script(engine: Engine) -> None:
        def draw() -> None:
            for pod in engine.pods:
                pod.speed = engine.rng.choice(speeds)

        engine.at(FAULT_AT_S, draw)
        engine.every(every_s, lambda: draw() if engine.now > FAULT_AT_S else None)

    return script


def crash(pods: Sequence[int], back_s: float) -> Script:
    """Killed; discovery notices after `DISCOVERY_S`; there again after `back_s`."""

    def script(engine: Engine) -> None:
        def back() -> None:
            engine.heal_all(pods)
            engine.at(engine.now + DISCOVERY_S, lambda: engine.list_pods(sorted({*engine.listed, *pods})))

        def begin() -> None:
            engine.crash_all(pods)
            left = [pod for pod in engine.listed if pod not in pods]
            engine.at(engine.now + DISCOVERY_S, lambda: engine.list_pods(left))
            engine.at(engine.now + back_s, back)

        engine.at(FAULT_AT_S, begin)

    return script


def rolling(every_s: float, down_s: float, batch: int = 1) -> Script:
    """A Deployment rolls: unlisted, drained for `DISCOVERY_S`, replaced, listed again; so many at a time."""

    def script(engine: Engine) -> None:
        def replace(pods: Sequence[int]) -> None:
            engine.list_pods([pod for pod in engine.listed if pod not in pods])
            engine.at(engine.now + DISCOVERY_S, lambda: engine.crash_all(pods))
            engine.at(engine.now + down_s, lambda: back(pods))

        def back(pods: Sequence[int]) -> None:
            engine.heal_all(pods)
            engine.list_pods(sorted({*engine.listed, *pods}))

        count = len(engine.pods)
        for turn, first in enumerate(range(0, count, batch)):
            pods = list(range(first, min(first + batch, count)))
            engine.at(FAULT_AT_S + turn * every_s, lambda pods=pods: replace(pods))  # type: ignore[misc]

    return script


def together(*scripts: Script) -> Script:
    """All of them."""

    def script(engine: Engine) -> None:
        for each in scripts:
            each(engine)

    return script
