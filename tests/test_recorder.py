"""The flight recorder: the last minutes, bounded, without secrets, on disk whole or not at all."""

import asyncio
import errno
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar import redact, shelf
from sidecar.events import BUF_SAT, SCALE_DOWN, Bus
from sidecar.recorder import CRASH, Recorder

WALL_S = 1_795_285_482.25


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Flight:
    """A recorder, its bus, its clock, its folder."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.bus = Bus(now=self.clock)
        self.folder = folder
        self.wall_s = WALL_S
        self.recorder = Recorder(folder, self.bus, "default/bus", now=self.clock, wall_s=self._wall)

    def _wall(self) -> float:
        self.wall_s += 1.0
        return self.wall_s

    def seconds(self, count: int, **values: object) -> None:
        for _ in range(count):
            self.clock.now += 1.0
            self.recorder.sample(values)

    def lines(self) -> list[dict[str, Any]]:
        return parsed(self.recorder.render("request"))


def parsed(record: bytes) -> list[dict[str, Any]]:
    assert record.endswith(b"\n"), "the last line has no end"
    return [json.loads(line) for line in record.splitlines()]


@pytest.fixture
def flight(tmp_path: Path) -> Flight:
    return Flight(tmp_path / "flights")


# -- what is in a record


def test_a_record_begins_with_who_when_and_why(flight: Flight) -> None:
    flight.seconds(2, scale=1.0)
    assert flight.lines()[0] == {
        "flight": 1,
        "workload": "default/bus",
        "pid": os.getpid(),
        "time": WALL_S + 1.0,
        "reason": "request",
        "entries": 2,
        "events_lost": 0,
    }


def test_samples_and_events_stand_in_the_order_in_which_they_happened(flight: Flight) -> None:
    flight.seconds(1, scale=1.0)
    flight.clock.now += 0.25
    flight.bus.publish(SCALE_DOWN, {"to": 0.5})
    flight.clock.now -= 0.25
    flight.seconds(1, scale=0.5)
    assert flight.lines()[1:] == [
        {"at_s": -1.0, "sample": {"scale": 1.0}},
        {"at_s": -0.75, "event": SCALE_DOWN, "detail": {"to": 0.5}},
        {"at_s": 0.0, "sample": {"scale": 0.5}},
    ]


def test_events_after_the_last_sample_are_in_the_record(flight: Flight) -> None:
    flight.bus.publish(BUF_SAT)
    assert flight.lines()[1] == {"at_s": 0.0, "event": BUF_SAT, "detail": {}}


def test_one_sample_a_second_however_often_it_is_offered(flight: Flight) -> None:
    for _ in range(200):
        flight.clock.now += 0.05
        flight.recorder.sample({"scale": 1.0})
    assert 10 <= len(flight.lines()) - 1 <= 11


def test_a_timer_that_comes_a_little_early_loses_no_second(flight: Flight) -> None:
    for pause in (1.0, 0.95, 1.05, 0.93, 1.07) * 4:
        flight.clock.now += pause
        flight.recorder.sample({"scale": 1.0})
    assert len(flight.lines()) == 21


def test_a_sample_holds_finite_numbers_only(flight: Flight) -> None:
    flight.seconds(1, scale=1, pressure=None, nan=float("nan"), inf=float("inf"), text="x", on=True, fine=0.5)
    assert flight.lines()[1]["sample"] == {"scale": 1, "fine": 0.5}


# -- bounds


def test_it_remembers_ten_minutes(flight: Flight) -> None:
    flight.seconds(3600, scale=1.0)
    entries = flight.lines()[1:]
    assert len(entries) == 600
    assert entries[0]["at_s"] == -599.0


def test_a_storm_of_events_does_not_push_out_the_samples(flight: Flight) -> None:
    for _ in range(20):
        for _ in range(500):
            flight.bus.publish("storm", {"text": "x" * 500})
        flight.seconds(1, scale=1.0)
    entries = flight.lines()[1:]
    assert sum("sample" in entry for entry in entries) == 20
    assert sum("event" in entry for entry in entries) <= 1024
    assert len(flight.recorder.render("request")) < 600_000, "the record is not bounded"


def test_samples_are_bounded_in_bytes_too(flight: Flight) -> None:
    values = {f"a-rather-long-name-of-a-number-{n}": n + 0.123456 for n in range(100)}
    flight.seconds(600, **values)
    assert len(flight.recorder.render("request")) < 300_000


def test_events_too_fast_to_be_heard_are_told_as_lost(flight: Flight) -> None:
    for _ in range(600):
        flight.bus.publish("storm")
    assert flight.lines()[0]["events_lost"] == 600 - 512


def test_old_events_go(flight: Flight) -> None:
    flight.bus.publish("old")
    flight.seconds(1)
    flight.clock.now += 601.0
    flight.bus.publish("new")
    assert [entry.get("event") for entry in flight.lines()[1:] if "event" in entry] == ["new"]


# -- secrets

SECRET = "s3cret"


@pytest.mark.parametrize(
    "detail",
    [
        {"authorization": SECRET},
        {"Cookie": SECRET},
        {"set-cookie": SECRET},
        {"mesh_key": SECRET},
        {"key": SECRET},
        {"api_key": SECRET},
        {"X-GT-Auth": f"v1 mac={SECRET}"},
        {"password": SECRET},
        {"query": f"q={SECRET}"},
        {"body": SECRET},
        {"path": f"/lines?token={SECRET}"},
        {"path": f"/lines?{SECRET}#x"},
        {"text": f"got /a?x={SECRET} and /b?y={SECRET}"},
        {"url": f"http://user:{SECRET}@host/"},
        {"text": f"Authorization: Bearer {SECRET}"},
        {"text": f"sent Bearer {SECRET}"},
        {"text": f"Cookie: a={SECRET}"},
        {"text": f"password={SECRET}"},
        {"nested": {"authorization": SECRET}},
        {"list": [SECRET]},
        {"bytes": SECRET.encode()},
    ],
    ids=str,
)
def test_secrets_are_not_recorded(flight: Flight, detail: dict[str, object]) -> None:
    flight.bus.publish("refused", detail)
    assert SECRET not in flight.recorder.render("request").decode()


def test_what_is_no_secret_is_recorded(flight: Flight) -> None:
    detail = {"caller": "default/ticket", "path": "/lines/{}?a=b", "queued": 7, "full": True, "limit": None}
    flight.bus.publish(BUF_SAT, detail)
    assert flight.lines()[1]["detail"] == {**detail, "path": "/lines/{}"}


def test_a_kind_is_text_like_any_other(flight: Flight) -> None:
    flight.bus.publish(f"GET /x?{SECRET}")
    flight.bus.publish("k" * 5000)
    first, second = flight.lines()[1:]
    assert (first["event"], len(second["event"])) == ("GET /x", 64)


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.text(max_size=300), st.dictionaries(st.text(max_size=300), ANYTHING, max_size=40))
@settings(max_examples=150, deadline=None)
def test_whatever_an_event_says_the_record_is_one_line_of_json(kind: str, detail: dict[str, object]) -> None:
    flight = Flight(Path("/nonexistent"))
    flight.bus.publish(kind, detail)
    header, entry = flight.lines()
    assert header["entries"] == 1
    assert len(entry["detail"]) <= redact.MOST_KEYS
    assert all(isinstance(value, float | int | str | bool | None) for value in entry["detail"].values())


def test_a_lone_surrogate_is_no_error(flight: Flight) -> None:
    """A name as it comes from the wire may hold what UTF-8 cannot."""
    flight.bus.publish("\udcff", {"\udcff": "\udcff", "big": 1 << 200})
    assert flight.lines()[1]["detail"] == {" ": " ", "big": None}


# -- on disk


def test_a_written_record_is_what_is_shown_and_nothing_is_left_beside_it(flight: Flight) -> None:
    flight.seconds(3, scale=1.0)
    path = flight.recorder.write("request")
    assert path is not None
    assert parsed(path.read_bytes())[1:] == flight.lines()[1:]
    assert list(flight.folder.iterdir()) == [path]
    assert flight.recorder.written == 1


def test_a_records_name_says_whose_when_and_why(flight: Flight) -> None:
    path = flight.recorder.write("on ../request")
    assert path is not None
    assert path.name == f"flight-default_bus-20261121T182444.250000Z-{os.getpid()}-on_.._request.jsonl"
    assert path.parent == flight.folder


def test_a_record_is_read_by_its_owner_and_group_only(flight: Flight) -> None:
    path = flight.recorder.write("request")
    assert path is not None
    assert path.stat().st_mode & 0o007 == 0


def test_only_the_last_eight_are_kept_and_only_ours_go(flight: Flight) -> None:
    flight.folder.mkdir()
    others = [
        "flight-default_bus-notes.txt",
        "flight-default_bus-2-20261121T182444.250000Z-1-x.jsonl",
        "a.jsonl",
    ]
    for name in others:
        (flight.folder / name).write_text("mine")
    paths = [flight.recorder.write("request") for _ in range(12)]
    left = {path.name for path in flight.folder.iterdir()}
    assert left == {path.name for path in paths[-8:] if path} | set(others)


async def test_saving_takes_a_thread(flight: Flight, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    written = shelf.write_whole

    def write(path: Path, data: bytes) -> None:
        threads.append(threading.current_thread())
        written(path, data)

    monkeypatch.setattr(shelf, "write_whole", write)
    path = await asyncio.wait_for(flight.recorder.save("request"), 10)
    assert path is not None
    assert path.exists()
    assert threading.main_thread() not in threads, "the event loop waited for the disk"


# -- when it cannot be written


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes the bytes and then has no room for them, as NFS and quotas do."""

    def fsync(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.usefixtures("full")
def test_a_full_disk_is_counted_said_once_and_leaves_nothing_behind(
    flight: Flight, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "equilibrium"):
        assert [flight.recorder.write("request") for _ in range(3)] == [None] * 3
    assert (flight.recorder.written, flight.recorder.failures) == (0, 3)
    assert [message.count("No space left") for message in caplog.messages] == [1], (
        "said once, not three times"
    )
    assert list(flight.folder.iterdir()) == [], "half a record was left behind"


def test_after_one_that_could_be_written_the_next_failure_is_said_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = Flight(tmp_path)
    fails = [True, False, True]

    def write(path: Path, data: bytes) -> None:
        if fails.pop(0):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(shelf, "write_whole", write)
    with caplog.at_level(logging.WARNING, "equilibrium"):
        for _ in range(3):
            flight.recorder.write("request")
    assert len(caplog.messages) == 2


@pytest.mark.parametrize("folder", ["/proc/self/flights", "/dev/null/flights", "/sys/kernel"])
def test_a_folder_that_takes_no_files_is_never_fatal(folder: str) -> None:
    flight = Flight(Path(folder))
    assert (flight.recorder.write("request"), flight.recorder.failures) == (None, 1)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 16 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_really_full_disk_keeps_the_record_before(tiny: Path) -> None:
    flight = Flight(tiny)
    first = flight.recorder.write("request")
    flight.seconds(600, scale=1.0, pressure=0.5, in_flight=3)
    assert flight.recorder.write("request") is None, "40 KiB on a disk of 16"
    assert list(tiny.iterdir()) == [first], "the half-written one must leave, the one before must stay"


def test_a_link_somebody_put_in_its_way_is_not_followed(flight: Flight, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    flight.folder.mkdir()
    target = flight.folder / "record.jsonl"
    (flight.folder / ".record.jsonl.part").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        shelf.write_whole(target, b"x")
    assert victim.read_text() == "precious"


# -- crashes and ends


def test_a_crash_is_recorded_with_its_place_and_goes_on_its_way(flight: Flight) -> None:
    flight.seconds(2, scale=0.5)
    with pytest.raises(ZeroDivisionError), flight.recorder.watching():
        _ = 1 / 0
    (path,) = flight.folder.iterdir()
    crash = parsed(path.read_bytes())[-1]
    assert (crash["event"], crash["detail"]["error"]) == (CRASH, "ZeroDivisionError")
    assert crash["detail"]["where"].startswith("test_recorder.py:")


def test_a_crash_quotes_no_message(flight: Flight) -> None:
    with pytest.raises(ValueError, match=SECRET), flight.recorder.watching():
        raise ValueError(f"bad header {SECRET}")
    (path,) = flight.folder.iterdir()
    assert SECRET not in path.read_text()


def test_an_ordinary_end_is_no_crash(flight: Flight) -> None:
    with flight.recorder.watching():
        pass
    with pytest.raises(SystemExit), flight.recorder.watching():
        raise SystemExit(0)
    assert not flight.folder.exists()


def test_being_told_to_stop_is_worth_a_record_only_under_pressure(flight: Flight) -> None:
    assert flight.recorder.terminating(under_pressure=False) is None
    assert flight.recorder.written == 0
    path = flight.recorder.terminating(under_pressure=True)
    assert path is not None
    assert path.name.endswith("-sigterm.jsonl")


def test_a_process_that_dies_of_an_error_leaves_its_record(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from sidecar.events import Bus; from sidecar.recorder import Recorder\n"
        "bus = Bus(); recorder = Recorder(Path(sys.argv[1]), bus, 'default/bus')\n"
        "with recorder.watching():\n"
        "    bus.publish('BUF_SAT', {'queued': 8})\n"
        "    raise RuntimeError('gone')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=False)
    assert ended.returncode == 1
    assert b"RuntimeError: gone" in ended.stderr, "the error itself must still be seen"
    (path,) = tmp_path.iterdir()
    assert [entry["event"] for entry in parsed(path.read_bytes())[1:]] == ["BUF_SAT", "CRASH"]
