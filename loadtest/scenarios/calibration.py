"""What the application can do: answers per second when more is asked of it than it can give, without a sidecar."""

from collections.abc import Sequence

from loadtest import load, openloop, processes
from loadtest.mesh import addresses
from loadtest.scenarios import application

EXCESS = 1.5
WARM_UP_S = 1.0
PATIENCE_S = 30.0
"""Nobody gives up here: every answer counts."""


def seconds_of(*, quick: bool) -> float:
    """How long answers are counted."""
    return 3.0 if quick else 6.0


def measure(children: processes.Children, *, quick: bool) -> float:
    """Requests per second."""
    seconds = seconds_of(quick=quick)
    net = addresses.Net()
    try:
        ip = f"{net.prefix}.10"
        application.start(children, ip)
        plan = openloop.Plan(
            f"{ip}:{application.PORT}",
            application.HOST,
            "/",
            EXCESS * application.NOMINAL,
            seconds + WARM_UP_S,
            timeout_s=PATIENCE_S,
        )
        return saturated(load.start(children, plan, name="calibration").finish(), seconds)
    finally:
        net.release()


def planned_s(*, quick: bool) -> float:
    """How long `measure` takes: what was asked too much is answered too."""
    return 2.0 + EXCESS * (seconds_of(quick=quick) + WARM_UP_S)


def saturated(samples: Sequence[load.Sample], seconds: float) -> float:
    """Answers per second of those that came in the `seconds` after the warm-up."""
    if not samples:
        return 0.0
    from_s = min(sample.due_s for sample in samples) + WARM_UP_S
    ends = [sample.due_s + sample.latency_ms / 1000 for sample in samples if sample.ok]
    return sum(from_s <= end < from_s + seconds for end in ends) / seconds
