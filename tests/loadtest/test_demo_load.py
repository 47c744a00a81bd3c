import http.server
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest import load, openloop, processes
from loadtest.demo import journey, loads
from loadtest.load import Sample


class _Recorder(http.server.BaseHTTPRequestHandler):
    """Answers 200 and remembers what was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.send_header("X-Pod", "pod-1")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    asked: list[tuple[str, str | None]] = []
    handler = type("Handler", (_Recorder,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def test_paths_are_asked_for_in_turn_with_the_headers_given(
    tmp_path: Path, server: tuple[str, list[tuple[str, str | None]]]
) -> None:
    address, asked = server
    plan = openloop.Plan(
        address, "gateway", "/a", 100, 0.3, more_paths=("/b", "/c%20d"), headers=("Authorization: Bearer t",)
    )
    with processes.Children(tmp_path) as children:
        samples = load.start(children, plan).finish()
    assert len(samples) == 30
    counts = {path: sum(each == path for each, _ in asked) for path in ("/a", "/b", "/c%20d")}
    assert counts == {"/a": 10, "/b": 10, "/c%20d": 10}
    assert {token for _, token in asked} == {"Bearer t"}


def test_generators_stop_together_and_their_samples_ascend(
    tmp_path: Path, server: tuple[str, list[tuple[str, str | None]]]
) -> None:
    plan = openloop.Plan(server[0], "gateway", "/", 50, 60)
    with processes.Children(tmp_path) as children:
        running = loads.Loads(children, {"one": plan, "other": plan})
        while not (running.samples("one") and running.samples("other")):
            running.check()
        samples = running.stop()
    assert all(found == sorted(found) and found for found in samples.values())
    assert set(running.late_p99_ms()) == {"one", "other"}


def test_a_generator_that_gives_up_ends_the_run_with_its_words(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        running = loads.Loads(
            children, {"one": openloop.Plan("127.0.0.1:9", "gateway", "/", 0, 1)}
        )  # a rate of 0
        running._running["one"].child.process.wait(60)
        with pytest.raises(processes.StartError, match="ZeroDivisionError"):
            running.check()


def test_latency_counts_answers_only() -> None:
    samples = [Sample(0.0, float(ms), "200", "pod-1") for ms in range(1, 101)]
    samples.append(Sample(0.0, 9999.0, "timeout", ""))
    assert load.latency(samples) == load.Latency(50.0, 99.0, 100.0)
    assert load.failures(samples) == {"timeout": 1}


def test_locust_statistics_become_steps_in_the_order_of_the_journey() -> None:
    said = [
        {
            "name": "/pay",
            "method": "POST",
            "start_time": 9,
            "num_requests": 2,
            "num_failures": 1,
            "response_times": {"2000": 2},
        },
        {
            "name": "/login",
            "method": "POST",
            "start_time": 3,
            "num_requests": 4,
            "num_failures": 0,
            "response_times": {"100": 1, "20.0": 3},
        },
    ]
    told = journey.read(said)
    assert [step.name for step in told.steps] == ["POST /login", "POST /pay"]
    assert (told.steps[0].p50_ms, told.steps[0].p99_ms) == (20.0, 100.0)
    assert (told.requests, told.failures) == (6, 1)


def test_riders_without_statistics_are_told_apart_from_riders_without_failures(tmp_path: Path) -> None:
    with processes.Children(tmp_path) as children:
        riders = journey.Riders(children.start("sleeper", ["sleep", "60"]), tmp_path / "journey.json")
        riders.stop()
        assert riders.finish() is None


@pytest.mark.slow
def test_the_locust_files_load_on_their_own(tmp_path: Path) -> None:
    """Copied away from this tree: they may not need it."""
    files = [tmp_path / name for name in ("journey.py", "steady.py", "burst.py")]
    for file in files:
        shutil.copy(journey.FILE.with_name(file.name), file)
    with processes.Children(tmp_path) as children:
        for users in files[:2]:
            listed = children.start(
                users.stem,
                [sys.executable, "-m", "locust", "-f", f"{users},{files[2]}", "--show-task-ratio-json"],
                pipe=True,
            )
            said, _ = listed.process.communicate(timeout=120)
            assert json.loads(said)["total"], listed.last_words()
