"""The file source against real files: `poll` is one look, so nothing here waits for time to pass."""

import asyncio
import os

import pytest

from sidecar.discovery import file
from sidecar.discovery.file import FileSource
from sidecar.policy.endpoints import Caller, CallersChanged, Endpoint, EndpointsChanged

ONE = "services: [{host: bus, port: 80, endpoints: ['127.0.0.1:9101']}]\n"
TWO = "services: [{host: bus, port: 80, endpoints: ['127.0.0.1:9101', '127.0.0.1:9102']}]\n"
BAD = "services: [{host: bus, port: http, endpoints: []}]\n"
BUS_ONE = EndpointsChanged("bus", 80, (Endpoint("127.0.0.1:9101"),))
BUS_TWO = EndpointsChanged("bus", 80, (Endpoint("127.0.0.1:9101"), Endpoint("127.0.0.1:9102")))


class Watched:
    """A source, what it published since last asked, and what it reported since last asked."""

    def __init__(self, path):
        self.path = path
        self._events = []
        self._errors = []
        self.source = FileSource(path, self._errors.append, poll_s=0.001)

    async def looks(self, times=2):
        for _ in range(times):
            await self.source.poll(self._events.append)
        events, self._events = self._events, []
        return events

    def errors(self):
        errors = [str(error) for error in self._errors]
        self._errors.clear()
        return errors


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "mesh.yaml"
    path.write_text(ONE)
    return path


@pytest.fixture
def watched(path):
    return Watched(path)


async def test_the_first_look_publishes_at_once(watched):
    assert await watched.looks(1) == [BUS_ONE]


async def test_an_unchanged_file_publishes_nothing(watched):
    await watched.looks()
    assert await watched.looks(5) == []


async def test_an_edit_publishes_what_changed(watched, path):
    await watched.looks()
    path.write_text(TWO)
    assert await watched.looks() == [BUS_TWO]


async def test_a_service_taken_out_is_published_as_gone(watched, path):
    await watched.looks()
    path.write_text("services: []")
    assert await watched.looks() == [EndpointsChanged("bus", 80, None)]


async def test_callers_are_published_when_they_change(watched, path):
    await watched.looks()
    path.write_text(ONE + "callers: [{address: 127.0.0.3, workload: default/ticket}]")
    assert await watched.looks() == [CallersChanged((Caller("127.0.0.3", "default/ticket"),))]
    path.write_text(ONE)
    assert await watched.looks() == [CallersChanged(())]


async def test_a_change_of_the_same_length_within_one_tick_of_the_clock_is_seen(watched, path):
    """mtime, size and inode all alike: only the content tells."""
    await watched.looks()
    status = path.stat()
    path.write_text(ONE.replace("9101", "9109"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert await watched.looks() == [EndpointsChanged("bus", 80, (Endpoint("127.0.0.1:9109"),))]


async def test_a_file_written_long_ago_is_not_read_again(watched, path):
    os.utime(path, (0, 0))
    first = file.look(path, None)
    assert file.look(path, first) is first


async def test_a_half_written_file_is_left_until_it_is_whole(watched, path):
    await watched.looks()
    path.write_text("services: []")  # correct, and not what its author means
    assert await watched.looks(1) == []
    path.write_text("services: [")
    assert await watched.looks(1) == []
    path.write_text(TWO)
    assert await watched.looks() == [BUS_TWO]
    assert watched.errors() == []


async def test_a_bad_edit_is_reported_once_and_the_last_good_stays(watched, path):
    await watched.looks()
    path.write_text(BAD)
    assert await watched.looks(5) == []
    [message] = watched.errors()
    assert str(path) in message
    assert "services[0].port='http': not a port; allowed: " in message
    path.write_text(ONE)
    assert await watched.looks() == []


async def test_the_same_mistake_saved_again_is_not_reported_again(watched, path):
    await watched.looks()
    for _ in range(3):
        path.write_text(BAD)
        await watched.looks()
    assert len(watched.errors()) == 1


async def test_another_mistake_is_reported(watched, path):
    await watched.looks()
    path.write_text(BAD)
    await watched.looks()
    path.write_text(BAD.replace("http", "https"))
    await watched.looks()
    assert len(watched.errors()) == 2


async def test_a_missing_file_is_reported_and_found_when_it_comes(watched, path):
    path.unlink()
    assert await watched.looks(3) == []
    [message] = watched.errors()
    assert f"{path}: No such file" in message
    path.write_text(ONE)
    assert await watched.looks() == [BUS_ONE]


async def test_a_deleted_file_is_reported_and_the_last_good_stays(watched, path):
    await watched.looks()
    path.unlink()
    assert await watched.looks(3) == []
    assert len(watched.errors()) == 1
    path.write_text(ONE)
    assert await watched.looks() == []


async def test_a_rename_over_it_is_seen(watched, path):
    await watched.looks()
    other = path.with_suffix(".new")
    other.write_text(TWO)
    other.rename(path)
    assert await watched.looks() == [BUS_TWO]


async def test_an_editor_that_moves_the_old_file_away_is_no_mishap(watched, path):
    await watched.looks()
    path.rename(path.with_suffix(".bak"))
    await watched.looks(1)
    path.write_text(TWO)
    assert await watched.looks() == [BUS_TWO]
    assert watched.errors() == []


async def test_a_config_maps_symlink_swap_is_seen(tmp_path):
    """mesh.yaml -> ..data/mesh.yaml, ..data -> ..v1; the kubelet renames a new link over ..data."""
    for version, text in (("..v1", ONE), ("..v2", TWO)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "mesh.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "mesh.yaml").symlink_to("..data/mesh.yaml")
    watched = Watched(tmp_path / "mesh.yaml")
    assert await watched.looks() == [BUS_ONE]
    (tmp_path / "..data_tmp").symlink_to("..v2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    assert await watched.looks() == [BUS_TWO]


@pytest.mark.parametrize(
    ("said", "content"),
    [("not UTF-8", b"services: \xff\xfe"), ("not a mapping", b""), ("not JSON", b'{"services":')],
)
async def test_bytes_that_are_no_document_are_reported(watched, path, said, content):
    await watched.looks()
    path.write_bytes(content)
    assert await watched.looks() == []
    assert said in watched.errors()[0]


async def test_a_byte_order_mark_is_no_mistake(watched, path):
    path.write_bytes(b"\xef\xbb\xbf" + ONE.encode())
    assert await watched.looks() == [BUS_ONE]


async def test_a_directory_or_a_pipe_is_reported_instead_of_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        watched = Watched(path)
        assert await watched.looks() == []
        assert "not a file" in watched.errors()[0]


async def test_a_huge_file_is_reported_instead_of_read(watched, path):
    os.truncate(path, file.LARGEST_BYTES + 1)
    assert await watched.looks() == []
    assert "too large" in watched.errors()[0]


async def test_a_publisher_that_fails_is_told_again(watched):
    def broken(_event):
        raise RuntimeError("not now")

    with pytest.raises(RuntimeError):
        await watched.source.poll(broken)
    assert await watched.looks(1) == [BUS_ONE]


async def test_it_is_not_on_demand_and_seeking_does_nothing(watched):
    assert watched.source.on_demand is False
    watched.source.seek("bus", None)
    assert await watched.looks(1) == [BUS_ONE]


async def test_running_publishes_changes_until_cancelled(watched, path):
    seen = []
    changed = asyncio.Event()

    def publish(event):
        seen.append(event)
        changed.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(watched.source.run(publish))
        await changed.wait()
        changed.clear()
        path.write_text(TWO)
        await changed.wait()
        running.cancel()
    assert running.cancelled()
    assert seen == [BUS_ONE, BUS_TWO]
