"""The application's memory: the first source that knows, what is missing said once, and never ours for the app's."""

import asyncio
import os
from pathlib import Path

import pytest

from sidecar.pressure.cgroup import Cgroup
from sidecar.pressure.processes import RESCAN_S, AppProcesses
from sidecar.pressure.sources import Feed, Reading, Source, Sources
from sidecar.pressure.usage import UsageUrl
from tests.pressure.test_proc import APP, OTHER, pod
from tests.pressure.trees import GIB, MIB, Tree, mount_v2

PAGE = os.sysconf("SC_PAGE_SIZE")


class Known(Source):
    """A source that knows what the test says."""

    def __init__(self, name: str, usage_mib: int | None, limit_mib: int | None = None) -> None:
        self.name = name
        self.missing = f"{name} is silent"
        self.usage_mib = usage_mib
        self.limit_mib = limit_mib
        self.refreshed = 0

    def read(self, now: float) -> Reading | None:
        if self.usage_mib is None:
            return None
        limit = self.limit_mib * MIB if self.limit_mib else None
        return Reading(self.usage_mib * MIB, limit, self.name)

    async def refresh(self, now: float) -> None:
        self.refreshed += 1


def own(root: Path) -> Cgroup:
    """Our control group: 10 of 100 MiB."""
    tree = Tree(root / "own")
    tree.process("self", ["0::/"], [mount_v2()])
    tree.v2("", memory_current=10 * MIB, memory_max=100 * MIB)
    return Cgroup(tree.root)


def of(
    *sources: Source, group: Cgroup | None = None, limit_mib: int | None = None
) -> tuple[Sources, list[str]]:
    """Sources at time 0, and what they say."""
    said: list[str] = []
    limit = limit_mib * MIB if limit_mib else None
    return Sources(list(sources), group, limit_bytes=limit, say=said.append, now=lambda: 0.0), said


# -- order


def test_the_first_source_that_knows_is_believed(tmp_path: Path) -> None:
    first, second = Known("processes", 50, 100), Known("coordinator", 70, 100)
    sources, said = of(first, second, group=own(tmp_path))
    assert sources.read() == Reading(50 * MIB, 100 * MIB, "processes")
    first.usage_mib = None
    assert sources.read() == Reading(70 * MIB, 100 * MIB, "coordinator")
    second.usage_mib = None
    assert sources.read() == Reading(10 * MIB, 100 * MIB, "self")
    assert len(said) == 2


def test_our_own_group_never_speaks_for_the_application(tmp_path: Path) -> None:
    sources, _ = of(Known("processes", None), group=own(tmp_path))
    reading = sources.read()
    assert sources.app() is None, "the app's admission would be governed by the sidecar's memory"
    assert reading == sources.own()
    assert reading is not None
    assert (reading.source, reading.governs_app, reading.pressure) == ("self", False, 0.1)


def test_every_other_source_speaks_for_the_application() -> None:
    sources, _ = of(Known("usage-url", 5))
    reading = sources.app()
    assert reading is not None
    assert reading.governs_app


def test_what_is_missing_is_said_once_and_done_without(tmp_path: Path) -> None:
    sources, said = of(Known("processes", None), Known("coordinator", None))
    for _ in range(100):
        assert sources.read() is None
    assert said == [
        "memory source processes: processes is silent; working without it",
        "memory source coordinator: coordinator is silent; working without it",
        "memory source self: the sidecar has no control group for memory; working without it",
    ]


def test_of_sources_that_are_not_needed_nothing_is_said() -> None:
    sources, said = of(Known("processes", 5), Known("coordinator", None))
    sources.read()
    assert said == []


# -- limits


def test_a_configured_limit_goes_before_every_other() -> None:
    sources, _ = of(Known("processes", 50, 100), limit_mib=200)
    assert sources.app() == Reading(50 * MIB, 200 * MIB, "processes")


def test_a_missing_limit_is_borrowed_from_a_source_further_down() -> None:
    sources, _ = of(Known("processes", 50), Known("coordinator", 99, 200))
    assert sources.app() == Reading(50 * MIB, 200 * MIB, "processes")


def test_use_without_any_limit_is_no_pressure() -> None:
    sources, _ = of(Known("processes", 50), Known("coordinator", 99))
    reading = sources.app()
    assert reading is not None
    assert (reading.usage_bytes, reading.pressure) == (50 * MIB, None)


# -- the coordinator's feed


def test_a_fed_value_is_believed_until_it_is_old() -> None:
    feed = Feed(most_age_s=45.0)
    assert feed.read(0.0) is None
    feed.set(5 * MIB, 100.0, limit_bytes=10 * MIB)
    assert feed.read(145.0) == Reading(5 * MIB, 10 * MIB, "coordinator")
    assert feed.read(145.1) is None, "a coordinator that died would govern for ever"


@pytest.mark.parametrize("usage", [0, -1])
def test_a_fed_value_that_is_none_changes_nothing(usage: int) -> None:
    feed = Feed()
    feed.set(5 * MIB, 0.0)
    feed.set(usage, 1.0)
    assert feed.read(1.0) == Reading(5 * MIB, None, "coordinator")


def test_a_fed_limit_that_is_none_is_unknown() -> None:
    feed = Feed()
    feed.set(5 * MIB, 0.0, limit_bytes=0)
    assert feed.read(0.0) == Reading(5 * MIB, None, "coordinator")


# -- processes


def test_processes_are_measured_together(tmp_path: Path) -> None:
    _, processes = pod(tmp_path)
    assert AppProcesses(processes).read(0.0) == Reading(4_700 * PAGE, None, "processes")


def test_without_a_shared_namespace_processes_say_nothing(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path)
    tree.process("1", ["0::/"], comm="systemd")
    assert AppProcesses(processes).read(0.0) is None


def test_where_we_may_look_the_applications_own_group_is_exact(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path)
    group_of_app(tree)
    assert AppProcesses(processes).read(0.0) == Reading(30 * MIB, 40 * MIB, "processes")


def test_of_several_containers_only_the_processes_are_counted(tmp_path: Path) -> None:
    """Two groups, two limits: neither alone is the application."""
    tree, processes = pod(tmp_path)
    group_of_app(tree)
    tree.process("40", OTHER, pages=(100, 0))
    assert AppProcesses(processes).read(0.0) == Reading(4_800 * PAGE, None, "processes")


def test_a_process_that_starts_or_ends_is_noticed(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path)
    source = AppProcesses(processes)
    source.read(0.0)
    tree.process("22", APP, pages=(1_000, 0))
    (tree.root / "proc/21/statm").unlink()
    assert source.read(RESCAN_S) == Reading(4_000 * PAGE, None, "processes")


def test_a_container_that_was_replaced_is_not_read_any_more(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path)
    group_of_app(tree)
    source = AppProcesses(processes)
    source.read(0.0)
    for pid in ("20", "21"):
        (tree.root / f"proc/{pid}/cgroup").unlink()
    tree.process("50", OTHER, pages=(1_000, 0))
    assert source.read(RESCAN_S) == Reading(1_000 * PAGE, None, "processes")


def test_growth_is_noticed_at_the_next_sense(tmp_path: Path) -> None:
    tree, processes = pod(tmp_path)
    source = AppProcesses(processes)
    source.read(0.0)
    tree.process("20", APP, pages=(9_000, 1_000))
    assert source.read(0.05) == Reading(10_700 * PAGE, None, "processes")


def group_of_app(tree: Tree) -> None:
    """The app's file system, seen through its first process: 30 of 40 MiB in the group that is its mount's root."""
    root = "proc/20/root"
    inside = Tree(tree.root / root, machine_bytes=GIB)
    inside.process("20", APP, [mount_v2(root="/../app")])
    inside.v2("", memory_current=30 * MIB, memory_max=40 * MIB)


# -- the application's own page


async def page(body: bytes | Exception) -> UsageUrl:
    """Asked once, at time 0."""

    async def fetch() -> bytes:
        if isinstance(body, Exception):
            raise body
        return body

    url = UsageUrl(fetch)
    await url.refresh(0.0)
    return url


@pytest.mark.parametrize(
    ("body", "usage", "limit"),
    [
        (b"process_resident_memory_bytes 1.5e+08\n", 150_000_000, None),
        (
            b"# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 5000 1700000000\n",
            5000,
            None,
        ),
        (b'x 1\nprocess_resident_memory_bytes{app="a b}",pid="3"} 5000.0\r\ny 2', 5000, None),
        (
            b'process_resident_memory_bytes{pid="1"} 5000\nprocess_resident_memory_bytes{pid="2"} 6000\n',
            11_000,
            None,
        ),
        (b'{"memory_bytes": 5000}', 5000, None),
        (b' {"memory_bytes": 5.0e3, "limit_bytes": 9000, "more": []}', 5000, 9000),
    ],
)
async def test_a_page_of_either_kind_is_understood(body: bytes, usage: int, limit: int | None) -> None:
    url = await page(body)
    assert (url.read(0.0), url.failures) == (Reading(usage, limit, "usage-url"), 0)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "neither"),
        (b"<html>404</html>", "neither"),
        (b"my_process_resident_memory_bytes 5000\n", "neither"),
        (b"process_resident_memory_bytes_max 5000\n", "neither"),
        (b"process_resident_memory_bytes NaN\n", "neither"),
        (b"process_resident_memory_bytes 1e999\n", "plausible"),
        (b"process_resident_memory_bytes -5\n", "plausible"),
        (b"process_resident_memory_bytes 1.2.3\n", "1.2.3"),
        (b'{"memory_bytes": true}', "not a number"),
        (b'{"memory_bytes": "5000"}', "not a number"),
        (b'{"memory_bytes": 0}', "plausible"),
        (b'{"memory": 5000}', "not a number"),
        (b'{"memory_bytes": 5000, "limit_bytes": "x"}', "not a number"),
        (b'{"memory_bytes": 5000', "line 1"),
        (b"x" * ((1 << 20) + 1), "allowed"),
        (ConnectionRefusedError("nobody listens"), "nobody listens"),
        (TimeoutError(), "TimeoutError"),
    ],
)
async def test_a_page_that_says_nothing_is_counted_and_its_reason_told(
    body: bytes | Exception, why: str
) -> None:
    url = await page(body)
    assert (url.read(0.0), url.failures) == (None, 1)
    assert why in url.missing


async def test_a_page_that_never_comes_is_given_up() -> None:
    url = UsageUrl(asyncio.Event().wait, timeout_s=0.01)  # type: ignore[arg-type]  # it never returns
    await url.refresh(0.0)
    assert (url.failures, url.read(0.0)) == (1, None)


async def test_a_refresh_that_is_cancelled_is_cancelled() -> None:
    url = UsageUrl(asyncio.Event().wait)  # type: ignore[arg-type]  # it never returns
    task = asyncio.get_running_loop().create_task(url.refresh(0.0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert url.failures == 0


async def test_a_page_is_believed_over_one_failure_and_not_for_ever() -> None:
    answers: list[bytes] = [b'{"memory_bytes": 5000}']

    async def fetch() -> bytes:
        return answers.pop()

    url = UsageUrl(fetch, most_age_s=10.0)
    await url.refresh(0.0)
    await url.refresh(5.0)
    assert url.failures == 1
    assert url.read(10.0) == Reading(5000, None, "usage-url")
    assert url.read(10.1) is None


async def test_a_fresh_reading_asks_first() -> None:
    url = Known("usage-url", 5)
    sources, _ = of(Known("processes", None), url)
    reading = await sources.fresh()
    assert reading is not None
    assert (reading.source, url.refreshed) == ("usage-url", 1)
