"""`equilibrium-flight`: a record as a timeline, whatever is left of the file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar import recorder, timeline
from sidecar.events import Bus
from sidecar.policy.overload.governor import Governor
from sidecar.recorder import Recorder

HEADER = {
    "flight": 1,
    "workload": "default/bus",
    "pid": 7,
    "time": 1795285483.0,
    "reason": "sigterm",
    "entries": 3,
    "events_lost": 0,
}
ENTRIES: list[dict[str, object]] = [
    {"at_s": -61.04, "sample": {"scale": 1.0, "pressure": 0.42, "in_flight": 12, "queued": 0}},
    {"at_s": -2.5, "event": "SCALE_DOWN", "detail": {"from": 1.0, "to": 0.5, "pressure": 0.75}},
    {"at_s": -1.0, "sample": {"scale": 0.5}},
]


def flight(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """The command run to its end."""
    command = [sys.executable, "-m", "sidecar.flight", *arguments]
    given_in = stdin.decode("latin-1") if stdin is not None else None
    return subprocess.run(command, input=given_in, capture_output=True, text=True, timeout=120, check=False)


def content(*entries: dict[str, object], **header: object) -> bytes:
    lines = [{**HEADER, "entries": len(entries), **header}, *entries]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def told(*entries: dict[str, object], **header: object) -> list[str]:
    """The lines about entries and shortcomings: below the title and the column names."""
    return list(timeline.tell(timeline.parse(content(*entries, **header))))[2:]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "flight.jsonl"
    path.write_bytes(content(*ENTRIES))
    return path


# -- the command


def test_a_record_is_told_as_a_timeline(path: Path) -> None:
    ended = flight(str(path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        "default/bus, pid 7, written 2026-11-21 18:24:43 UTC, reason: sigterm",
        "      time   scale  pressure  in flight  queue",
        "   -61.0 s    1.00      42 %         12      0",
        "    -2.5 s  * scale 1.00 -> 0.50",
        "    -1.0 s    0.50         -          -      -",
    ]


def test_the_columns_stand_under_their_names() -> None:
    lines = list(timeline.tell(timeline.parse(content(ENTRIES[0]))))
    assert len(lines[1]) == len(lines[2])


def test_help_teaches_how_to_read_it() -> None:
    ended = flight("--help")
    assert ended.returncode == 0
    for taught in (
        "usage: equilibrium-flight",
        "--last",
        "--events",
        "pressure",
        "a dash",
        "exit status",
        "scale 1.00 -> 0.50",
    ):
        assert taught in ended.stdout, f"{taught!r} is not explained"
    assert "Traceback" not in ended.stderr


def test_the_end_alone_and_events_alone_can_be_shown(path: Path) -> None:
    assert len(flight(str(path), "--last", "10").stdout.splitlines()) == 4
    assert "61.0" not in flight(str(path), "--last", "10").stdout
    assert flight(str(path), "--events").stdout.splitlines()[2:] == ["    -2.5 s  * scale 1.00 -> 0.50"]


def test_a_record_is_read_from_standard_input(path: Path) -> None:
    assert flight("-", stdin=path.read_bytes()).stdout == flight(str(path)).stdout


@pytest.mark.parametrize(
    "arguments",
    [(), ("a", "b"), ("--wrong",), ("a", "--last"), ("a", "--last", "-1"), ("a", "--last", "nan")],
)
def test_wrong_usage_is_told_apart_from_a_bad_file(arguments: tuple[str, ...]) -> None:
    ended = flight(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "usage: equilibrium-flight" in ended.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not a flight record"),
        (b"hello\n", "not a flight record"),
        (b"\x00\xff\xfe", "not a flight record"),
        (b"[1]\n", "not a flight record"),
        (b'{"at_s": 1}\n', "not a flight record"),
        (b'{"flight": 2}\n', "this program reads format 1"),
        (content(*ENTRIES)[:40], "not a flight record"),
        (b"[" * 100_000, "not a flight record"),
    ],
    ids=["empty", "text", "binary", "list", "no header", "newer", "half a header", "nested"],
)
def test_a_file_that_is_no_record_is_refused_in_words(tmp_path: Path, text: bytes, why: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(text)
    ended = flight(str(path))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"equilibrium-flight: {path}: ")
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_opened_is_refused_in_words(tmp_path: Path, name: str) -> None:
    ended = flight(str(tmp_path / name))
    assert ended.returncode == 1
    assert ("No such file" in ended.stderr) or ("Is a directory" in ended.stderr)


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "flight.jsonl"
    path.write_bytes(content(*(ENTRIES[0] for _ in range(10_000))))
    with subprocess.Popen(
        [sys.executable, "-m", "sidecar.flight", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")


# -- cut short


def test_a_record_cut_short_is_told_up_to_its_last_whole_line(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    ended = flight(str(path))
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[-1] == "the file is cut short: 1 of 3 entries are missing"
    assert lines[-2] == "    -2.5 s  * scale 1.00 -> 0.50"


def test_a_record_cut_between_two_lines_is_cut_short_all_the_same() -> None:
    whole = content(*ENTRIES)
    cut = whole[: whole[:-1].rindex(b"\n") + 1]
    assert list(timeline.tell(timeline.parse(cut)))[-1] == "the file is cut short: 1 of 3 entries are missing"


def test_without_a_count_in_the_header_half_a_line_still_shows() -> None:
    cut = content(*ENTRIES, entries=None)[:-1]
    assert "cut short" in list(timeline.tell(timeline.parse(cut)))[-1]


@given(st.integers(0, 500))
@settings(max_examples=120, deadline=None)
def test_wherever_it_is_cut_it_is_read_or_refused_and_never_passes_for_whole(cut: int) -> None:
    whole = content(*ENTRIES)
    part = whole[: min(cut, len(whole) - 1)]
    if b"\n" not in part and part != whole.split(b"\n")[0]:
        with pytest.raises(timeline.UnreadableError):
            timeline.parse(part)
        return
    lines = list(timeline.tell(timeline.parse(part)))
    assert any("cut short" in line for line in lines), "half a record passed for a whole one"
    assert sum(" s  " in line for line in lines) == max(0, part.count(b"\n") - 1), "whole lines were not told"


def test_odd_lines_are_passed_over_and_counted() -> None:
    odd: list[dict[str, object]] = [{}, {"at_s": "x"}, {"at_s": float("nan")}, {"at_s": True}]
    assert told(ENTRIES[2], *odd) == [
        "    -1.0 s    0.50         -          -      -",
        "4 lines could not be understood and were passed over",
    ]


def test_lost_events_and_empty_records_are_told() -> None:
    assert told(events_lost=9) == ["(nothing was recorded)", "9 events came too fast to be recorded"]


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_after_a_header_are_told_or_passed_over(rest: bytes) -> None:
    lines = list(timeline.tell(timeline.parse(content() + rest)))
    assert all(line.isprintable() for line in lines), "a file may not command the terminal"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(
    ["MEM_PRESSURE", "SCALE_DOWN", "SCALE_UP", "DEGRADED_MODE", "BUF_SAT", "CRASH", "x\x1b[2J"]
)


@given(
    st.dictionaries(
        st.sampled_from(["scale", "pressure", "in_flight", "queued", "at_s", "from", "to", "error"]), JSON
    ),
    st.one_of(KINDS, JSON),
    st.dictionaries(st.sampled_from(["workload", "pid", "time", "reason", "entries", "events_lost"]), JSON),
)
@settings(max_examples=200, deadline=None)
def test_whatever_stands_in_a_record_it_is_told_without_error(
    values: dict[str, object], kind: object, header: dict[str, object]
) -> None:
    entries = [
        {"at_s": -1.0, "sample": values},
        {"at_s": -1, "event": kind, "detail": values},
        {"at_s": 0, **values},
    ]
    lines = list(timeline.tell(timeline.parse(content(*entries, **header))))
    assert len(lines) >= 4
    assert all(line.isprintable() for line in lines), "a record may not command the terminal"


# -- in words


@pytest.mark.parametrize(
    ("kind", "detail", "words"),
    [
        ("MEM_PRESSURE", {"pressure": 0.711, "threshold": 0.7}, "memory pressure 71 % (threshold 70 %)"),
        ("SCALE_UP", {"from": 0.5, "to": 0.55}, "scale 0.50 -> 0.55"),
        ("DEGRADED_MODE", {"from": "normal", "to": "degraded"}, "normal -> degraded"),
        ("BUF_SAT", {"queued": 8, "caller": "default/x"}, "a queue is full: queued=8, caller=default/x"),
        ("BUF_SAT", {}, "a queue is full"),
        ("CRASH", {"error": "OSError", "where": "app.py:3"}, "crash: OSError at app.py:3"),
        ("drain", {"by": "admin"}, "drain: by=admin"),
        ("drain", {}, "drain"),
    ],
)
def test_events_are_told_in_words(kind: str, detail: dict[str, object], words: str) -> None:
    assert timeline.in_words(kind, detail) == words


def test_what_the_governor_does_can_be_read_from_what_the_recorder_wrote(tmp_path: Path) -> None:
    """From decision to paper: governor, bus, recorder, file, command."""
    now = [0.0]
    bus = Bus(now=lambda: now[0])
    kept = Recorder(tmp_path, bus, "default/bus", now=lambda: now[0], wall_s=lambda: 1795285483.0)
    governor = Governor()
    for second, pressure in enumerate([0.5, 0.75, 0.75, 0.75, 0.5]):
        now[0] = float(second)
        for change in governor.sense(pressure, now[0]):
            bus.publish(change.kind, change.detail)
        kept.sample(
            {
                recorder.SCALE: governor.scale,
                recorder.PRESSURE: pressure,
                recorder.IN_FLIGHT: 3,
                recorder.QUEUED: 1,
            }
        )
    path = kept.terminating(under_pressure=governor.scale < 1.0)
    assert flight(str(path)).stdout.splitlines()[2:] == [
        "    -4.0 s    1.00      50 %          3      1",
        "    -3.0 s    0.50      75 %          3      1",
        "    -3.0 s  * memory pressure 75 % (threshold 70 %)",
        "    -3.0 s  * scale 1.00 -> 0.50",
        "    -3.0 s  * normal -> degraded",
        "    -2.0 s    0.50      75 %          3      1",
        "    -1.0 s    0.50      75 %          3      1",
        "     0.0 s    0.55      50 %          3      1",
        "     0.0 s  * scale 0.50 -> 0.55",
        "     0.0 s  * degraded -> recovering",
    ]
