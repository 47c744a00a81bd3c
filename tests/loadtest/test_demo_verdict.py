import json

from loadtest.demo import chapters, claims, summary, verdict
from loadtest.demo.recording import Cores, Played, Recording
from loadtest.load import Sample
from tests.support import demo

SCRIPT = chapters.script()


def _round_robin(service: str, played: Played, at_s: float, number: int, said: Sample) -> Sample:
    """A third of the requests goes to the bad pod; a slow one is slow, a failing one fails."""
    fault = played.chapter.fault
    pod = f"{service}-{number % 3}"
    if fault is None or played.chapter.kind != "fault" or fault.pod != pod:
        return said._replace(pod=pod)
    bad = {
        "slow": (510.0, "200"),
        "failing": (1.0, "503"),
        "random": (10.0, "200"),
        "hanging": (5000.0, "timeout"),
    }
    latency_ms, outcome = bad[fault.key]
    return said._replace(pod="" if outcome == "timeout" else pod, latency_ms=latency_ms, outcome=outcome)


def _recordings() -> list[Recording]:
    return [demo.recording(chapters.ARMS[1], rule=_round_robin), demo.recording()]


def _rulings() -> list[claims.Ruling]:
    return claims.rule(claims.table(chapters.FAULTS), demo.recording())


def test_one_row_per_fault_and_arm_tells_them_apart() -> None:
    rows = verdict.rows(chapters.FAULTS, _recordings())
    assert [(row.fault.key, row.arm.name) for row in rows[:2]] == [("slow", "none"), ("slow", "equilibrium")]
    worse, better = rows[:2]
    assert (round(worse.bad_share, 2), round(worse.slower, 2), worse.p99_ms) == (0.33, 0.33, 510.0)
    assert (better.bad_share, better.slower, better.failed) == (0, 0, 0)


def test_a_fault_is_named_once_in_its_table() -> None:
    _, rows = verdict.fault_table(verdict.rows(chapters.FAULTS, _recordings()))
    assert [row[0] for row in rows[::2]] == [fault.title for fault in chapters.FAULTS]
    assert {row[0] for row in rows[1::2]} == {""}


def test_sentences_say_what_happened_to_someone_who_did_not_watch() -> None:
    told = verdict.tell(verdict.rows(chapters.FAULTS, _recordings()), _rulings())
    assert told[0].startswith(
        "+500 ms on one bus pod: with round robin it answered 33.3 % of the requests, p99 was 510 ms"
    )
    assert "33.33 % failed" in told[2]
    assert told[-1] == "14 of 14 claims hold."


def test_a_failed_claim_is_counted_and_named() -> None:
    slow = demo.recording(nash_s=100.0)
    told = verdict.conclusion(claims.rule(claims.table(chapters.FAULTS), slow))
    assert told == "13 of 14 claims hold, 1 fails (nash-again)."


def test_every_claim_shows_its_mark_bar_and_sample() -> None:
    head, rows = verdict.claims_table(_rulings())
    assert head == ["", "claim", "measured", "bar", "samples"]
    assert rows[0] == ["✓", "+500 ms on one bus pod: its share of the requests", "0.00 %", "< 3 %", "1,700"]


def test_a_busy_machine_is_told_of() -> None:
    recording = demo.recording()
    assert (
        verdict.asides([recording])[-1]
        == "Machine, Equilibrium: 1.0 of 2 cores busy with this, 0.1 with others."
    )
    recording.cores = Cores(1.0, 0.9, 2)
    assert "too busy for latencies to mean much" in verdict.asides([recording])[-1]
    assert verdict.busy([recording, demo.recording()]) == ["Equilibrium"]


def test_the_summary_is_json_that_any_reader_takes() -> None:
    never = demo.recording(nash_s=100.0)
    rulings = claims.rule(claims.table(chapters.FAULTS), never)
    text = json.dumps(summary.summary(SCRIPT, _recordings(), rulings, "out/demo.html"), allow_nan=False)
    told = json.loads(text)
    assert told["holds"] is False
    nash = next(claim for claim in told["claims"] if claim["key"] == "nash-again")
    assert (nash["measured"], nash["verdict"], nash["ok"]) == (None, "fails", False)
    assert [arm["name"] for arm in told["arms"]] == ["none", "equilibrium"]
    assert told["arms"][1]["chapters"][2] == {"kind": "fault", "fault": "slow", "from_s": 15.0, "to_s": 27.0}
    assert told["arms"][1]["journey"]["failures"] == 1
    assert {row["fault"] for row in told["faults"]} == {fault.key for fault in chapters.FAULTS}
