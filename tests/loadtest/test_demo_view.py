import io
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from loadtest.demo import chapters, events, moment, recording, screen, watcher
from loadtest.load import Sample
from tests.support import demo

SLOW = chapters.FAULTS[0]
ENDPOINTS = {"10.0.0.1:15406": "bus-service-0", "10.0.0.2:15406": "bus-service-1"}


def _state(nash: int | None = 1, health: str = "admitted") -> dict[str, Any]:
    """One service as `/state` documents it."""
    one, other = ENDPOINTS
    return {
        "strategy": "balanced",
        "endpoints": ENDPOINTS,
        "mix": {one: 0.75, other: 0.25},
        "shares": {},
        "regrets": {one: 0.1, other: 0.0},
        "slowdown": {one: 1.0, other: 40.0},
        "health": {one: "admitted", other: health},
        "prediction_error": {one: 0.1, other: None},
        "gap": None if nash is None else 0.05,
        "nash": nash,
        "lyapunov": 0.005,
    }


def _moment(at_s: float = 20.0, *, sidecars: bool = True) -> moment.Moment:
    said = recording.reading(at_s, _state()) if sidecars else None
    samples = [Sample(at_s, 12.0, "200", "bus-service-0")] * 3 + [Sample(at_s, 512.0, "200", "bus-service-1")]
    pods = moment.pods(["bus-service-0", "bus-service-1"], SLOW.pod, samples, said)
    arm = chapters.ARMS[2 if sidecars else 0]
    chapter = chapters.Chapter("fault", 12.0, SLOW)
    return moment.Moment(
        arm, chapter, at_s, 7.0, 90.0, moment.route_of(SLOW), pods, 4, 12.0, 512.0, 0.25, said
    )


def test_a_reading_is_keyed_by_pod_names() -> None:
    said = recording.reading(1.0, _state())
    assert said.mix == {"bus-service-0": 0.75, "bus-service-1": 0.25}
    assert said.prediction_error["bus-service-1"] is None


def test_round_robin_has_less_to_tell() -> None:
    kept = ("endpoints", "mix", "health", "gap", "nash")
    said = recording.reading(1.0, {"strategy": "none", **{key: _state(None)[key] for key in kept}})
    assert (said.mix["bus-service-0"], said.regrets, said.lyapunov) == (0.75, {}, None)


def test_health_and_nash_become_events() -> None:
    before, after = recording.reading(1.0, _state(None)), recording.reading(2.0, _state(1, "ejected"))
    assert [event.text for event in events.between("bus-service", before, after)] == [
        "bus-service-1 is ejected",
        "Nash reached for bus-service",
    ]
    assert events.between("bus-service", after, after) == []
    assert events.between("bus-service", None, after) == [], "the first reading is how things are, not news"


def test_the_watcher_reads_until_it_is_stopped() -> None:
    seen_twice = threading.Event()
    asked: list[int] = []

    def ask() -> Mapping[str, Any]:
        asked.append(1)
        if len(asked) == 1:
            raise OSError("not yet")
        if len(asked) == 3:
            seen_twice.set()
        return {"services": {"bus-service": _state(1 if len(asked) > 2 else None)}}

    watching = watcher.Watcher(ask)
    watching.start()
    assert seen_twice.wait(60), "polls must go on after one that was not answered"
    watching.stop()
    assert watching.missed == 1
    assert len(watching.readings["bus-service"]) >= 2
    assert watching.readings["user-service"] == []
    assert [event.text for event in watching.events] == ["Nash reached for bus-service"]


def test_a_state_that_breaks_its_contract_is_an_error_not_silence() -> None:
    asked = threading.Event()

    def ask() -> Mapping[str, Any]:
        asked.set()
        return {"services": {"bus-service": {"strategy": "balanced", "endpoints": {}}}}

    watching = watcher.Watcher(ask)
    watching.start()
    assert asked.wait(60)
    with pytest.raises(KeyError):
        watching.stop()


def test_recent_is_what_ended_in_the_last_two_seconds() -> None:
    slow, quick, old = (
        Sample(5.0, 4000.0, "200", "a"),
        Sample(8.0, 10.0, "200", "a"),
        Sample(5.0, 10.0, "200", "a"),
    )
    assert moment.recent([old, slow, quick], 9.0) == [slow, quick]


def test_the_view_follows_the_route_the_fault_hits() -> None:
    assert moment.route_of(chapters.FAULTS[3]).service == "user-service"
    assert moment.route_of(None) == chapters.ROUTES[0]


def test_a_line_says_arm_chapter_latency_shares_and_failures() -> None:
    text = moment.line(_moment())
    for part in (
        "Equilibrium",
        "+500 ms on one bus pod",
        "p99  512.0 ms",
        "bus-service-1  25%",
        "Nash yes",
        "failed 25.0%",
    ):
        assert part in text
    assert "Nash" not in moment.line(_moment(sidecars=False))


def test_without_a_terminal_there_is_a_line_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.Plain() as view:
        for at_s in (0.1, 0.4, 0.9, 1.1, 1.4):
            view.show(_moment(at_s))
        view.say("healed: bus-service-1")
    assert len(capsys.readouterr().err.splitlines()) == 3


def _drawn(shown: moment.Moment) -> str:
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    console.print(screen.drawn(shown, [5.0, 500.0, float("nan")]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_shows_every_pod_with_what_is_known_of_it() -> None:
    text = _drawn(_moment())
    for part in ("bus-service-0", "75%", "admitted", "40.00", "Nash yes", "gap 5.0%", "V 0.005", "7 s left"):
        assert part in text, f"{part} is missing from\n{text}"
    assert "Nash" not in _drawn(_moment(sidecars=False))


def test_a_terminal_is_redrawn_and_left_clean() -> None:
    sink = io.StringIO()
    with screen.Terminal(Console(file=sink, width=120, force_terminal=True)) as view:
        view.show(_moment())
        view.say("healed: bus-service-1")
    assert "healed: bus-service-1" in sink.getvalue()


def test_the_verdict_page_shows_words_as_they_are() -> None:
    sink = io.StringIO()
    screen.page(
        Console(file=sink, width=100),
        [(["", "claim", "bar"], [["✗", "share of [b]", "< 3 %"]])],
        ["So [it] is."],
    )
    assert "share of [b]" in sink.getvalue()
    assert "So [it] is." in sink.getvalue()


def test_a_good_run_has_something_to_show_in_every_chapter() -> None:
    made = demo.recording()
    for played in made.played:
        route = moment.route_of(played.chapter.fault)
        ended = [s for s in made.samples[route.service] if s.due_s + s.latency_ms / 1000 < played.end_s]
        assert moment.recent(ended, played.end_s)
