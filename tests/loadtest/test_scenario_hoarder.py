import time
from pathlib import Path

import orjson
import pytest

from loadtest import load, openloop, processes, procfs
from loadtest.mesh import addresses, admin
from loadtest.scenarios import application, cgroups, consent, house
from loadtest.scenarios.hoarder import MIB, Appetite
from sidecar import clock

SMALL = Appetite(making_s=0.05, making_bytes=MIB, kept_s=1.0, kept_bytes=MIB)


def _ask(ip: str, method: str, path: str) -> dict[str, int]:
    told: dict[str, int] = orjson.loads(admin.ask(house.app_at(ip), method, path))
    return told


def test_what_a_rate_needs_is_littles_law() -> None:
    appetite = Appetite(making_s=0.5, making_bytes=2 * MIB, kept_s=3.0, kept_bytes=MIB)
    in_the_making = 0.5 * 1.046  # mean of a lognormal, sigma 0.3
    assert appetite.needed_bytes(10.0) == pytest.approx(10 * (in_the_making * 2 + 3) * MIB, rel=0.001)


def test_its_memory_follows_the_work_it_accepts(tmp_path: Path) -> None:
    net = addresses.Net()
    ip = f"{net.prefix}.10"
    with processes.Children(tmp_path) as children:
        app = house.start_app(children, ip, appetite=SMALL)
        house.await_app(ip, app)
        idle = procfs.rss_bytes(app.pid)
        plan = openloop.Plan(house.app_at(ip), application.HOST, "/work", 40.0, 2.5)
        running = load.start(children, plan)
        peak = idle
        while running.child.running:
            peak = max(peak, procfs.rss_bytes(app.pid))
            time.sleep(0.05)
        samples = running.finish()
        give_up_s = clock.now() + 5
        while procfs.rss_bytes(app.pid) > idle + 10 * MIB and clock.now() < give_up_s:
            time.sleep(0.1)
        rested = procfs.rss_bytes(app.pid)
        told = _ask(ip, "GET", "/metrics")
    net.release()
    assert all(sample.ok for sample in samples)
    needed = SMALL.needed_bytes(40.0)
    assert 0.5 * needed < peak - idle < 2 * needed, "40 requests/s need about 42 MiB"
    assert rested < idle + 10 * MIB, "what was kept is given back to the kernel"
    assert abs(told["memory_bytes"] - rested) < 10 * MIB, "without a group it tells its resident pages"
    assert "limit_bytes" not in told


def test_its_hook_gives_the_garbage_back(tmp_path: Path) -> None:
    net = addresses.Net()
    ip = f"{net.prefix}.10"
    with processes.Children(tmp_path) as children:
        app = house.start_app(children, ip, garbage_bytes=consent.GARBAGE_BYTES)
        house.await_app(ip, app)
        before = procfs.rss_bytes(app.pid)
        told = _ask(ip, "POST", "/gc")
        after = procfs.rss_bytes(app.pid)
    net.release()
    assert before > consent.GARBAGE_BYTES, "nobody collected it before"
    assert before - after >= consent.FREED_BYTES
    assert told["freed_bytes"] == pytest.approx(before - after, abs=5 * MIB)


def test_in_a_group_it_tells_what_the_limit_is_held_against(tmp_path: Path) -> None:
    if (why := cgroups.missing()) is not None:
        pytest.skip(f"no memory groups here: {why}")
    net = addresses.Net()
    ip = f"{net.prefix}.10"
    with cgroups.group("test", 128 * MIB) as group, processes.Children(tmp_path) as children:
        house.await_app(ip, house.start_app(children, ip, group=group))
        told = _ask(ip, "GET", "/metrics")
        used = group.used_bytes()
    net.release()
    assert told["limit_bytes"] == 128 * MIB
    assert told["memory_bytes"] == pytest.approx(used, abs=4 * MIB)
