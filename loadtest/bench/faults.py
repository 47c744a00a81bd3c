"""What goes wrong in the part about tails: a table. Pure."""

from dataclasses import dataclass

from loadtest.ailment import Ailment


@dataclass(frozen=True, slots=True)
class Fault:
    """The first `bad` of `pods` pods fall ill; without an ailment they are killed and started again at once."""

    name: str
    title: str
    ailment: Ailment | None
    pods: int = 3
    bad: int = 1

    @property
    def grace_s(self) -> float:
        """What is left out after it came, for noticing; a restart is over by then, all of it counts."""
        return 1.0 if self.ailment is not None else 0.0


FAULTS: tuple[Fault, ...] = (
    Fault("slow", "1 of 3: + 500 ms", Ailment(extra_ms=500)),
    Fault("fail-fast", "1 of 3: 503 at once", Ailment(fail_share=1.0)),
    Fault("errors", "1 of 3: 30 % answer 503", Ailment(fail_share=0.3)),
    Fault("hang", "1 of 3: hangs", Ailment(hang=True)),
    Fault("two-slow", "2 of 4: × 10 slower", Ailment(times=10), pods=4, bad=2),
    Fault("restart", "1 of 3: killed, started again", None),
)
QUICK = ("slow", "fail-fast", "hang")


def named(names: tuple[str, ...]) -> tuple[Fault, ...]:
    """In the table's order."""
    return tuple(fault for fault in FAULTS if fault.name in names)
