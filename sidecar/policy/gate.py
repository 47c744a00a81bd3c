"""The door of our own application: what becomes of each request that knocks.

Exempt probes pass. Then, for strangers, the zero-sum game (is somebody rotating identities?), the repeated game (is
this caller being punished?), and last admission: in, queued, or refused. The parts never see each other; this is
where they meet.
"""

import random
from dataclasses import dataclass, field
from typing import Final

from sidecar.policy.admission import Admission
from sidecar.policy.ask import ADMITTED, AdmissionConfig, Ask
from sidecar.policy.defence import Defence, DefenceConfig
from sidecar.policy.overload import limits
from sidecar.policy.police import Account, Police, PoliceConfig

IN: Final = ""
QUEUED: Final = "queued"
EXEMPT: Final = "exempt"
DELAYED: Final = "delayed"
PUNISHED: Final = "punished"
DEFENDED: Final = "defence"
MOST_TOLD: Final = 64
"""Callers in `/state`."""
TICK_S: Final = 1.0
"""Between rulings of the police and the defence."""


@dataclass(frozen=True, slots=True)
class GateConfig:
    """`limit`: gradient | aimd | fixed, from `concurrency` on. `enforce` False: decide and count, let everybody in."""

    limit: str = "gradient"
    concurrency: int = 100
    enforce: bool = True
    admission: AdmissionConfig = field(default_factory=AdmissionConfig)
    police: PoliceConfig = field(default_factory=PoliceConfig)
    defence: DefenceConfig = field(default_factory=DefenceConfig)


class Caller:
    """Who knocks, as far as it can be told: fixed for a connection. `prefix`: of its address."""

    __slots__ = ("budget", "identity", "prefix", "proven", "workload")

    def __init__(self, workload: str, budget: float, prefix: str, *, proven: bool) -> None:
        self.workload = workload
        self.budget = budget
        self.identity = workload
        self.prefix = prefix
        self.proven = proven


class Knock(Ask):
    """One request at the door. `cause`: one of the words above, or why it was refused; `retry_after_s` with that."""

    __slots__ = ("account", "prefix", "proven", "retry_after_s")

    def __init__(self, account: Account, caller: Caller, now: float) -> None:
        super().__init__(caller.workload, account.budget, now)
        self.account = account
        self.prefix = caller.prefix
        self.proven = caller.proven
        self.retry_after_s = 1.0


class Gate:
    """Police, defence and admission as one question. All times are the caller's clock in seconds."""

    def __init__(self, config: GateConfig | None = None, *, rng: random.Random | None = None) -> None:
        self.config = config or GateConfig()
        draw = rng or random.Random()  # noqa: S311 (policy, not secrets)
        self.police = Police(self.config.police)
        self.defence = Defence(self.config.defence, draw)
        self.admission = Admission(
            self.config.admission, limits.make(self.config.limit, self.config.concurrency), draw
        )
        self.decisions: dict[str, int] = {}
        self._ticked = 0.0

    def knock(
        self,
        caller: Caller,
        path: bytes,
        now: float,
        *,
        attempt: int = 1,
        key: bytes | None = None,
        bid: float = 0.0,
        deadline: float | None = None,
    ) -> Knock:
        """What becomes of one request; `path` with its query, `key` its Idempotency-Key."""
        account = self.police.account(caller.workload, caller.budget, now)
        knock = Knock(account, caller, now)
        knock.bid, knock.deadline = min(bid, account.budget), deadline
        if self.admission.exempt(path, now):
            return self._say(knock, EXEMPT)
        if not caller.proven:  # first: the police see all strangers as one caller
            measure = self.defence.judge(caller.identity, caller.prefix, path, now, proven=False)
            if measure != "admit":
                return self._defend(knock, measure)
        wait_s = self.police.request(account, now, attempt=attempt, key=key)
        if wait_s > 0.0:
            knock.retry_after_s = wait_s
            return self._say(knock, PUNISHED)
        return self._say(knock, self._admit(knock, now))

    def _admit(self, knock: Knock, now: float) -> str:
        cause = self.admission.arrive(knock, now)
        if cause == QUEUED and not self.config.enforce:
            self.admission.withdraw(knock, now)  # it would wait; it does not
        return cause

    def _defend(self, knock: Knock, measure: str) -> Knock:
        waits = measure == "delay" and self.defence.delayed(1)
        return self._say(knock, DELAYED if waits else DEFENDED)

    def _say(self, knock: Knock, cause: str) -> Knock:
        """Count the decision. When nothing is enforced a refusal is only counted."""
        self.decisions[cause] = self.decisions.get(cause, 0) + 1
        if not self.config.enforce and cause != EXEMPT:
            if cause == DELAYED:
                self.defence.delayed(-1)
            cause = IN
        knock.cause = cause
        return knock

    def undelayed(self, knock: Knock, now: float, *, wanted: bool) -> None:
        """A delayed request's time is over; `wanted`: its client is still there."""
        self.defence.delayed(-1)
        knock.cause = DEFENDED
        if wanted:
            self._say(knock, self._admit(knock, now))

    def left(
        self, knock: Knock, now: float, *, took_s: float | None, good: bool, overloaded: bool
    ) -> Ask | None:
        """It is over, wherever it was; whoever may go in instead.

        `took_s`: the application's time to answer; `overloaded`: it refused or timed out.
        """
        if knock.state != ADMITTED:
            self.admission.withdraw(knock, now)
            return None
        if overloaded:
            self.admission.overloaded(now)
        if took_s is not None:
            self.defence.settled(knock.prefix, took_s, good=good)
        return self.admission.finish(knock, now, took_s=took_s)

    def sweep(self, now: float) -> list[Ask]:
        """About every 50 ms: those in the queue that must be refused now. Once a second the games are played on."""
        if now - self._ticked >= TICK_S:
            self._ticked = now
            # What a measurement or the governor holds back is nobody's defection.
            congested = self.admission.congested and self.admission.steady
            self.police.tick(now, capacity=self.admission.capacity, congested=congested)
            self.defence.tick(now, congested=congested)
        return self.admission.sweep(now)

    def snapshot(self) -> dict[str, object]:
        """Plain values for `/state`."""
        admission, defence = self.admission, self.defence
        return {
            "slots": admission.slots,
            "queued": admission.queued,
            "capacity": admission.capacity,
            "congested": admission.congested,
            "scale": admission.scale,
            "decisions": dict(self.decisions),
            "drops": dict(admission.drops),
            "callers": {
                account.workload: {
                    "reputation": account.score,
                    "budget": account.budget,
                    "offered": account.offered,
                    "share": account.share,
                    "punished": account.punished,
                    "level": account.level,
                    "length": account.length,
                    "certified": account.certified,
                }
                for account in self.notable()
            },
            "defence": {
                "adversaries": list(defence.adversaries),
                "mix": dict(defence.probabilities),
                "exploitability": defence.exploitability,
                "value": defence.value,
            },
        }

    def notable(self) -> list[Account]:
        """Those being punished, those with the lowest scores, those who ask most: `MOST_TOLD` in all."""
        ranked = sorted(
            self.police.accounts.values(),
            key=lambda account: (not account.punished, account.score, -account.offered),
        )
        return ranked[:MOST_TOLD]
