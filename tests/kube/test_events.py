"""What people are told about an object: Events, few of them, and a server that takes none costs nothing."""

import asyncio

import pytest

from sidecar.kube import events
from sidecar.kube.errors import ApiError
from sidecar.kube.events import Recorder
from sidecar.kube.notes import LONGEST_MESSAGE, Note, shorten
from tests.support.kube import until

NOON = 1_800_000_000.0


def note(name: str = "web-6f7", message: str = "sidecar injected") -> Note:
    return Note("ReplicaSet", "apps/v1", name, "default", "u-1", "Normal", "Injected", message)


class Api:
    """A scripted API server: remembers what is written, refuses what it is told to."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, dict]] = []
        self.refuse: dict[str, int] = {}

    async def request(self, method, path, *, body=None, content_type="application/json"):
        await asyncio.sleep(0)
        if method in self.refuse:
            raise ApiError(self.refuse[method], "Refused", "the test wants it")
        self.written.append((method, path, body))
        return {}


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def recorder(api):
    made = Recorder(api, "equilibrium-injector", "injector-1", now=lambda: made.time)
    made.time = NOON
    return made


async def test_an_event_is_about_the_owner_and_says_who_speaks(api, recorder):
    recorder.take(note())
    await recorder.flush()
    ((method, path, event),) = api.written
    assert (method, path) == ("POST", "/api/v1/namespaces/default/events")
    assert event["involvedObject"] == {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "namespace": "default",
        "name": "web-6f7",
        "uid": "u-1",
    }
    assert event["source"] == {"component": "equilibrium-injector"}
    assert event["reportingInstance"] == "injector-1"
    assert event["firstTimestamp"] == "2027-01-15T08:00:00Z"
    assert event["metadata"]["name"].startswith("web-6f7.")


async def test_the_same_words_to_the_same_owner_are_one_event_that_counts(api, recorder):
    for _ in range(5):
        recorder.take(note())
    await recorder.flush()
    recorder.time += 60
    for _ in range(3):
        recorder.take(note())
    await recorder.flush()
    (_, _, made), (method, path, change) = api.written
    assert made["count"] == 5
    assert (method, change) == ("PATCH", {"count": 8, "lastTimestamp": "2027-01-15T08:01:00Z"})
    assert path.endswith(made["metadata"]["name"])


async def test_other_words_or_another_owner_are_another_event(api, recorder):
    for each in (note(), note(message="other"), note("web-9c2")):
        recorder.take(each)
    await recorder.flush()
    assert [method for method, _, _ in api.written] == ["POST"] * 3


async def test_after_ten_minutes_it_is_told_anew(api, recorder):
    for _ in range(2):
        recorder.take(note())
        await recorder.flush()
        recorder.time += events.AGGREGATE_S
    assert [method for method, _, _ in api.written] == ["POST", "POST"]


async def test_an_event_that_the_server_has_forgotten_is_made_again(api, recorder):
    recorder.take(note())
    await recorder.flush()
    api.refuse["PATCH"] = 404
    recorder.take(note())
    await recorder.flush()
    assert [method for method, _, _ in api.written] == ["POST", "POST"]
    assert recorder.counts == {"sent": 2, "dropped": 0, "failed": 0}


@pytest.mark.parametrize("status", [0, 401, 403, 409, 429, 500])
async def test_what_the_server_does_not_take_is_counted_and_forgotten(api, recorder, status):
    api.refuse["POST"] = status
    recorder.take(note())
    await recorder.flush()
    del api.refuse["POST"]
    await recorder.flush()
    assert api.written == []
    assert recorder.counts == {"sent": 0, "dropped": 0, "failed": 1}


async def test_what_does_not_fit_is_dropped_and_what_waits_already_still_counts(api, recorder):
    for number in range(events.MOST_PENDING + 10):
        recorder.take(note(f"web-{number}"))
    recorder.take(note("web-0"))
    assert recorder.counts["dropped"] == 10
    await recorder.flush()
    assert len(api.written) == events.MOST_PENDING
    assert api.written[0][2]["count"] == 2


async def test_two_flushes_at_once_write_each_event_once(api, recorder):
    for number in range(5):
        recorder.take(note(f"web-{number}"))
    await asyncio.gather(recorder.flush(), recorder.flush())
    assert len(api.written) == 5


async def test_memory_of_what_was_told_is_bounded(api, recorder):
    for number in range(events.MOST_KNOWN + 5):
        recorder.take(note(f"web-{number}"))
        await recorder.flush()
    assert "pending=0" in repr(recorder)
    recorder.take(note("web-0"))
    await recorder.flush()
    assert api.written[-1][0] == "POST", "the oldest was forgotten"


async def test_nobody_without_a_name_is_told(recorder):
    recorder.take(note(name=""))
    assert recorder.counts["dropped"] == 1


async def test_a_name_yet_to_be_generated_makes_a_valid_one(api, recorder):
    recorder.take(note("web-6f7-"))
    await recorder.flush()
    assert api.written[0][2]["metadata"]["name"].startswith("web-6f7.")


async def test_running_writes_new_ones_a_few_at_a_time_and_counts_only_when_due(api):
    ticks = 0

    async def second(_: float) -> None:
        nonlocal ticks
        ticks += 1
        recorder.time += 1
        await asyncio.sleep(0)

    recorder = Recorder(api, "equilibrium-injector", "injector-1", now=lambda: recorder.time, sleep=second)
    recorder.time = NOON
    for number in range(25):
        recorder.take(note(f"web-{number}"))
    running = asyncio.get_running_loop().create_task(recorder.run())
    await until(lambda: len(api.written) == 25)
    assert ticks >= 3, "at most ten in one go"
    recorder.take(note("web-0"))
    told_at = recorder.time
    await until(lambda: len(api.written) == 26)
    assert recorder.time - told_at >= events.COUNT_EVERY_S - 5
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_a_long_message_is_cut_at_a_letter():
    assert shorten("é" * 600) == "é" * 510 + "..."
    assert len(shorten("é" * 600).encode()) <= LONGEST_MESSAGE
    assert shorten("short") == "short"
