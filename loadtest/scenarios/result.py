"""What one scenario leaves. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadtest.bench import document
from loadtest.scenarios.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """A scenario's promises and how they fared; what readers and programs are shown besides."""

    name: str
    title: str
    verdicts: Sequence[Verdict] = ()
    blocks: Sequence[document.Block] = ()
    """In the order of the report: what was played, tables, figures, notes."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """Plain values for scenarios.json."""
    skipped: str = ""
    """Why it cannot be played on this machine."""
    broke: str = ""
    """Why it could not be played to its end."""

    @property
    def ran(self) -> bool:
        """Whether there is something to judge."""
        return not (self.skipped or self.broke)

    @property
    def held(self) -> bool:
        """Whether every promise was kept; one that broke off kept none."""
        return not self.broke and all(each.held for each in self.verdicts)
