"""What a run with one killed pod amounts to: three chapters, a verdict, sentences for a reader. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtest import figures, load

CHAPTERS = ("before", "gone", "back")


@dataclass(slots=True)
class Marks:
    """When things happened, on `clock.now`'s scale; None while they have not."""

    killed_s: float | None = None
    back_s: float | None = None

    def chapter(self, at_s: float) -> str:
        """Which chapter an instant belongs to."""
        if self.killed_s is None or at_s < self.killed_s:
            return "before"
        return "gone" if self.back_s is None or at_s < self.back_s else "back"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A stretch of the run; shares are fractions of the answered requests, latencies from when due."""

    name: str
    requests: int
    failed: int
    shares: dict[str, float]
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Story:
    """The whole run."""

    victim: str
    requests: int
    failed: int
    outcomes: dict[str, int]
    chapters: list[Chapter]

    @property
    def holds(self) -> bool:
        """The claim: a pod was killed, there were requests, and none failed."""
        return self.failed == 0 and all(chapter.requests for chapter in self.chapters)


def chapter(name: str, samples: Sequence[load.Sample], pods: Iterable[str]) -> Chapter:
    """Summary of some samples; every pod gets a share, 0 if it answered nothing."""
    counts = dict.fromkeys(pods, 0)
    for sample in samples:
        if sample.ok:
            counts[sample.pod] = counts.get(sample.pod, 0) + 1
    latency = load.latency(list(samples))
    failed = sum(load.failures(list(samples)).values())
    return Chapter(name, len(samples), failed, figures.shares(counts), latency.p50_ms, latency.p99_ms)


def write(samples: Sequence[load.Sample], marks: Marks, pods: Sequence[str], victim: str) -> Story:
    """A request belongs to the chapter in which it ended: what the kill interrupted counts as `gone`."""
    parts: dict[str, list[load.Sample]] = {name: [] for name in CHAPTERS}
    for sample in samples:
        parts[marks.chapter(sample.due_s + sample.latency_ms / 1000)].append(sample)
    outcomes = load.failures(list(samples))
    chapters = [chapter(name, parts[name], pods) for name in CHAPTERS]
    return Story(victim, len(samples), sum(outcomes.values()), outcomes, chapters)


def tell(story: Story) -> list[str]:
    """Sentences for a reader who has not watched."""
    before, gone, back = story.chapters
    share = [f"{chapter.shares.get(story.victim, 0):.0%}" for chapter in story.chapters]
    verdict = f"none of {story.requests:,} requests failed"
    if story.failed:
        causes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(story.outcomes.items()))
        verdict = (
            f"{story.failed:,} of {story.requests:,} requests failed ({causes}): the claim does not hold"
        )
    effect = (
        f"Its share of the answers went from {share[0]} to {share[1]}, and to {share[2]} once it was back;"
        f" p99 was {before.p99_ms:.1f} ms before, {gone.p99_ms:.1f} ms while it was gone,"
        f" {back.p99_ms:.1f} ms after."
    )
    return [f"{story.victim} was killed with SIGKILL while it was serving, and {verdict}.", effect]


def table(story: Story) -> tuple[list[str], list[list[str]]]:
    """Head and rows, one row per chapter."""
    pods = list(story.chapters[0].shares)
    head = ["", "requests", "failed", *pods, "p50 ms", "p99 ms"]
    titles = {
        "before": f"before {story.victim} is killed",
        "gone": "while it is gone",
        "back": "after it is back",
    }
    rows = [
        [
            titles[part.name],
            f"{part.requests:,}",
            str(part.failed),
            *(f"{part.shares[pod]:.0%}" for pod in pods),
            f"{part.p50_ms:.1f}",
            f"{part.p99_ms:.1f}",
        ]
        for part in story.chapters
    ]
    return head, rows
