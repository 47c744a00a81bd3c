"""Recordings of scenarios as a good run leaves them, made of plain rules that a test may bend."""

from collections.abc import Callable, Mapping, Sequence

from loadtest.demo.recording import Cores
from loadtest.load import Sample
from loadtest.scenarios import arms, exposition
from loadtest.scenarios.flow import Flow, Script
from loadtest.scenarios.play import Recording

Rule = Callable[[Flow, float, int], Sample]
"""The flow, the instant due, the number of the request within its flow → what became of it."""
Scrape = Callable[[float], Mapping[str, float]]
"""The instant → `name{label="value"}` → value."""


def served(at_s: float, latency_ms: float = 25.0) -> Sample:
    return Sample(at_s, latency_ms, "200", "bus-service")


def refused(at_s: float, status: str = "503", latency_ms: float = 2.0) -> Sample:
    return Sample(at_s, latency_ms, status, "")


def lost(at_s: float) -> Sample:
    return Sample(at_s, 1000.0, "timeout", "")


def all_served(flow: Flow, at_s: float, number: int) -> Sample:
    return served(at_s)


def silent(at_s: float) -> Mapping[str, float]:
    return {}


def recording(
    script: Script, rule: Rule = all_served, scrape: Scrape = silent, arm: arms.Arm = arms.ON
) -> Recording:
    samples: dict[str, list[Sample]] = {name: [] for name in script.names()}
    for flow in script.flows:
        count = round(flow.rate * (flow.to_s - flow.from_s))
        samples[flow.name] += (
            rule(flow, flow.from_s + number / flow.rate, number) for number in range(count)
        )
    instants = [number / 2 for number in range(int(2 * script.seconds))]
    readings = [exposition.read(at_s, _text(scrape(at_s))) for at_s in instants]
    return Recording(
        arm,
        script,
        {name: sorted(found) for name, found in samples.items()},
        readings,
        Cores(1.0, 0.1, 2),
        1.0,
    )


def both(script: Script, on: Recording) -> Sequence[Recording]:
    """With an arm without policing, in which everybody waits in vain."""
    return [on, recording(script, lambda flow, at_s, number: lost(at_s), arm=arms.OFF)]


def _text(values: Mapping[str, float]) -> str:
    return "".join(f"{name} {value}\n" for name, value in values.items())
