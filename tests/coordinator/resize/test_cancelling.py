"""Whoever is cancelled leaves nothing open, and the next reading tells what was done."""

import asyncio

import pytest

from coordinator.kube.resize import apply_scaling
from tests.coordinator.resize.scene import pod
from tests.kube import scenes
from tests.support.kube import ResizingKubelet, until

pytestmark = pytest.mark.kube

STAGES = ["support", "reading", "before the patch", "after the patch", "the wait before a retry"]


def resize(client, **how):
    return apply_scaling(client, "bus", "default", "app", "600m", None, "limits", **how)


class Halt:
    """Stops at one point until it is cancelled."""

    def __init__(self):
        self.reached = asyncio.Event()

    async def __call__(self, *_):
        self.reached.set()
        await asyncio.Event().wait()


async def cancelled(coroutine, halt):
    task = asyncio.get_running_loop().create_task(coroutine)
    async with asyncio.timeout(60):
        await halt.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("stage", STAGES)
async def test_cancelled_at_any_point_it_ends_and_can_be_done_again(double, between, stage):
    await scenes.node(double)
    await double.create(pod())
    halt = Halt()

    async def before(method, path):
        at = {"support": path == "/api/v1", "before the patch": method == "PATCH"}
        at["reading"] = path.endswith("/pods/bus")
        if at.get(stage):
            await halt()

    async def after(method, path):
        if stage == "after the patch" and method == "PATCH":
            await halt()

    between.before, between.after = before, after
    how = {}
    if stage == STAGES[-1]:
        double.faults.answer(503)
        how = {"sleep": halt}
    await cancelled(resize(between, **how), halt)
    found = await double.get("Pod", "default", "bus")
    done = found["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "600m"
    assert done == (stage == "after the patch")
    between.before = between.after = nothing
    outcome = await resize(between)
    assert (outcome.kind, outcome.reason) == ("applied", "unchanged" if done else "")


async def nothing(*_):
    return


async def test_cancelled_while_it_watches_the_watch_is_closed(double, between):
    async with ResizingKubelet(double) as kubelet:
        await double.create(pod())
        await kubelet.settled()
        kubelet.paused = True
        task = asyncio.get_running_loop().create_task(resize(between, wait_s=60.0))
        await until(lambda: bool(double.watches._open))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not double.watches._open)
