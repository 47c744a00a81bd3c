"""Who plays the scenario memory, before which applications, under which load. Pure."""

from loadtest.scenarios import arms
from loadtest.scenarios.arms import Arm
from loadtest.scenarios.flow import Flow, Script, phases
from loadtest.scenarios.hoarder import KIB, MIB, Appetite
from loadtest.scenarios.pod import Caller

NAME = "memory"
LIMIT_BYTES = 192 * MIB
ITSELF_BYTES = 40 * MIB
"""The application without any work."""

SLOW = Appetite(making_s=0.25, making_bytes=3200 * KIB)
"""Up to some 25 requests at once, as where answers wait for a database: too few for the concurrency limit to matter."""
FAST = Appetite(making_s=0.02, kept_bytes=790 * KIB)
"""Two requests at once, the same memory: nearly all of it is what a cache keeps."""

BLIND = Arm("blind", "Equilibrium, not told of memory", {"EQUILIBRIUM_USAGE_URL": ""})
FAST_ON = Arm("on-fast", f"{arms.ON.title}, fast application")
FAST_OFF = Arm("off-fast", f"{arms.OFF.title}, fast application", arms.OFF.env)
PAIRS = ((arms.ON, arms.OFF), (FAST_ON, FAST_OFF))
ARMS = (arms.ON, BLIND, arms.OFF, FAST_ON, FAST_OFF)
APPETITES = {arm.name: FAST if arm in PAIRS[1] else SLOW for arm in ARMS}

EXCESS = 1.5
"""What all callers together need, over what there is for them."""
CALLERS = 6
JOIN_EVERY_S = 4.0
CALM_S, FULL_S = 4.0, 8.0
RESIDENT, RUSH = "the first caller", "callers that join"


def written(prefix: str, after_s: float) -> Script:
    """What is sent when: the first caller throughout, the others join every few seconds and leave together."""
    rush_s = JOIN_EVERY_S * (CALLERS - 2) + FULL_S
    found = phases(("calm", CALM_S), ("rush", rush_s), ("after", after_s), trouble=["rush"])
    _, rush, after = found
    sources = [f"{prefix}.{number}" for number in range(101, 101 + CALLERS)]
    flows = [Flow(RESIDENT, rate(), 0.0, after.to_s, (sources[0],), "/work")]
    for place, source in enumerate(sources[1:]):
        flows.append(Flow(RUSH, rate(), rush.from_s + JOIN_EVERY_S * place, rush.to_s, (source,), "/work"))
    callers = [Caller(f"default/caller-{number}", ip) for number, ip in enumerate(sources, 1)]
    return Script(NAME, callers, flows, found)


def rate() -> float:
    """Requests per second of one caller."""
    return EXCESS * (LIMIT_BYTES - ITSELF_BYTES) / SLOW.needed_bytes(1.0) / CALLERS
