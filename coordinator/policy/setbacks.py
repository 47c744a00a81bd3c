"""What an answer or an outcome leaves behind: a no that is remembered, a wait after what could not be done."""

from coordinator.policy.config import Config
from coordinator.policy.grant import Consent, Grant
from coordinator.policy.outcome import Outcome
from coordinator.policy.records import Record, Veto, Written

_BRIEF = frozenset({"failed", "conflict", "superseded"})
"""Nothing is wrong with what was asked: one cycle is enough the first time."""
_LASTING = frozenset({"infeasible", "forbidden"})
"""Something is."""


def remember_answer(record: Record, grant: Grant, consent: Consent, config: Config, now: float) -> None:
    """A veto stands for `veto_cycles`, or until the proposal is at least the minimum it named; consent ends it.

    It is about what it names a higher minimum for; where it names none, about all that was proposed. Either answer
    says nothing of what was not proposed.
    """
    vetoed = consent.answer == "vetoed"
    cpu_m = _above(consent.minimum_cpu_m, grant.cpu_m)
    memory = _above(consent.minimum_memory_bytes, grant.memory_bytes)
    named = cpu_m is not None or memory is not None
    until = now + config.veto_cycles * config.cycle_s
    if grant.cpu_m is not None:
        meant = vetoed and (cpu_m is not None or not named)
        record.cpu_veto = Veto(until, cpu_m, consent.reason) if meant else None
    if grant.memory_bytes is not None:
        meant = vetoed and (memory is not None or not named)
        record.memory_veto = Veto(until, memory, consent.reason) if meant else None


def remember_outcome(record: Record, grant: Grant, outcome: Outcome, config: Config, now: float) -> None:
    """What is done starts the cooldown, what is not a wait."""
    if grant.memory_bytes is not None and outcome.kind in _LASTING:
        # which of the two could not be nobody says: memory waits, so that it does not keep CPU from moving
        until = now + config.backoff_most_cycles * config.cycle_s
        record.memory_veto = Veto(until, None, outcome.message or outcome.reason)
    if grant.subject.deferred:
        _reverted(record, outcome, config, now)
    elif outcome.kind in ("applied", "deferred"):
        _done(record, grant, outcome, config, now)
    elif outcome.kind == "vetoed":
        vetoed = Consent("vetoed", outcome.message or outcome.reason)
        remember_answer(record, grant, vetoed, config, now)
    else:
        set_back(record, outcome.kind, config, now)


def set_back(record: Record, kind: str, config: Config, now: float) -> None:
    """Wait: twice as long for each time in a row."""
    first = min(1.0, config.backoff_cycles) if kind in _BRIEF else config.backoff_cycles
    cycles = min(first * 2.0 ** min(record.setbacks, 30), config.backoff_most_cycles)
    record.setbacks += 1
    record.setback = kind
    record.not_before = now + cycles * config.cycle_s
    record.written = None


def _reverted(record: Record, outcome: Outcome, config: Config, now: float) -> None:
    """A taken-back increase counts as one that could not be; one not taken back is tried again."""
    written = record.written
    set_back(record, "deferred", config, now)
    if outcome.kind not in ("applied", "deferred"):
        record.written = written


def _done(record: Record, grant: Grant, outcome: Outcome, config: Config, now: float) -> None:
    if grant.delta_m:
        direction = 1 if grant.delta_m > 0 else -1
        soon = now - record.changed_at < config.swing_cycles * config.cycle_s
        large = abs(grant.delta_m) > config.swing * grant.subject.cpu_m
        if soon and large and direction * record.direction < 0:
            record.caution *= 0.5
        record.direction = direction
        record.changed_at = now
    record.written = Written(
        outcome.generation,
        grant.subject.cpu_m,
        grant.cpu_m,
        grant.subject.spec.memory_limit_bytes,
        grant.memory_bytes,
    )


def _above(minimum: int | None, proposed: int | None) -> int | None:
    """A minimum that the vetoed proposal had already kept says nothing."""
    return minimum if minimum is not None and proposed is not None and minimum > proposed else None
