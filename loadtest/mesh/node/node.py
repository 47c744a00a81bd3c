"""A node on this machine: pods whose CPU and memory limits are real, behind an API that can resize them."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from aiohttp import web

from loadtest.mesh.node import capacity, objects, quota
from loadtest.mesh.node.answers import Object
from loadtest.mesh.node.enclosure import Enclosure
from loadtest.mesh.node.kubelet import Kubelet
from loadtest.mesh.node.objects import MIB, Wanted
from loadtest.mesh.node.server import Server
from loadtest.mesh.node.store import Collection, Store

T = TypeVar("T")
NAME: Final = "local-node"
MEMORY_BYTES: Final = 4096 * MIB
CALL_S: Final = 10.0


class Node:
    """Use `node()`. Its methods may be called from any thread; the API lives in one of its own."""

    def __init__(self, room: capacity.Room, memory_bytes: int) -> None:
        self.room = room
        self.url = ""
        """`http://127.0.0.1:PORT` once it serves."""
        self._store = Store()
        self._kubelet = Kubelet(self._store, {"cpu": room.cpu_m, "memory": memory_bytes})
        self._store.put(objects.NODES, objects.node(NAME, room.cpu_m, memory_bytes))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def __repr__(self) -> str:
        return f"<Node {self.url} {self.room.cpu_m}m>"

    # -- pods

    def admit(self, wanted: Wanted) -> Enclosure:
        """A pod is bound to the node: its groups are there, without limits until `started`. Raises Missing."""
        enclosure = self.room.enclosure(f"{wanted.name}.{objects.CONTAINER}")
        self._call(lambda: self._admit(wanted, enclosure))
        return enclosure

    def _admit(self, wanted: Wanted, enclosure: Enclosure) -> None:
        owner = self._ensure(objects.DEPLOYMENTS, objects.deployment(wanted.workload, wanted.namespace))
        owner = self._ensure(objects.REPLICASETS, objects.replicaset(owner))
        self._ensure(objects.NAMESPACES, objects.new(objects.NAMESPACES, wanted.namespace))
        self._kubelet.enclosures[wanted.namespace, wanted.name] = enclosure
        self._store.put(objects.PODS, self._placed(wanted, owner))

    def _placed(self, wanted: Wanted, owner: Object) -> Object:
        found = objects.pod(wanted, NAME, owner)
        found["status"] |= {"podIP": wanted.ip, "podIPs": [{"ip": wanted.ip}], "hostIP": "127.0.0.1"}
        return found

    def _ensure(self, collection: Collection, fresh: Object) -> Object:
        meta = fresh["metadata"]
        known = self._store.objects.get((collection, meta.get("namespace", ""), meta["name"]))
        return known or self._store.put(collection, fresh)

    def started(self, namespace: str, name: str) -> None:
        """Its processes run and serve: from here on the limits hold."""
        self._call(lambda: self._kubelet.start((namespace, name)))

    def remove(self, namespace: str, name: str) -> None:
        """Its processes have ended. Its groups go too."""
        enclosure = self._call(lambda: self._remove(namespace, name))
        if enclosure is not None:
            enclosure.remove()

    def _remove(self, namespace: str, name: str) -> Enclosure | None:
        if (objects.PODS, namespace, name) in self._store.objects:
            self._store.delete(objects.PODS, namespace, name)
        return self._kubelet.enclosures.pop((namespace, name), None)

    def pod(self, namespace: str, name: str) -> Object:
        """The object as it is now. Raises Refused (404)."""
        return self._call(lambda: self._store.get(objects.PODS, namespace, name))

    def events(self) -> list[Object]:
        """What programs have told about objects, either kind of Event."""
        return self._call(lambda: self._store.all(objects.EVENTS) + self._store.all(objects.NEW_EVENTS))

    # -- serving

    def _call(self, work: Callable[[], T]) -> T:
        """Run it where the store lives."""
        if self._loop is None:
            raise RuntimeError("the node does not serve")

        async def there() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(CALL_S)

    async def serve(self, port: int, up: Callable[[], None]) -> None:
        """Until `stop`; `up` is called when it listens."""
        runner = web.AppRunner(
            Server(self._store, self._kubelet).application(),
            access_log=None,
            shutdown_timeout=0.0,
            handler_cancellation=True,  # a watch ends with its client
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(self._kubelet.run(), name="kubelet")
                up()
                await self._stopping.wait()
                working.cancel()
        finally:
            await runner.cleanup()

    def stop(self) -> None:
        """Let `serve` return."""
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)


@contextlib.contextmanager
def node(
    cpu_m: int,
    *,
    memory_bytes: int = MEMORY_BYTES,
    port: int = 0,
    step_m: int = quota.SYSTEMD_STEP_M,
) -> Iterator[Node]:
    """A node that serves while the block lasts. Raises Missing where there are no CPU groups, OSError for the port.

    Processes started in it must have ended when the block is left.
    """
    with capacity.room(cpu_m, step_m=step_m) as room:
        made = Node(room, memory_bytes)
        up = threading.Event()
        broke: list[BaseException] = []
        thread = threading.Thread(target=_run, args=(made, port, up, broke), name="node", daemon=True)
        thread.start()
        up.wait(CALL_S)
        try:
            if broke:
                raise broke[0]
            yield made
        finally:
            made.stop()
            thread.join(CALL_S)


def _run(made: Node, port: int, up: threading.Event, broke: list[BaseException]) -> None:
    try:
        asyncio.run(made.serve(port, up.set))
    except BaseException as error:  # noqa: BLE001 - told to whoever waits for the node
        broke.append(error)
    finally:
        up.set()
