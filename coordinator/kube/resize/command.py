"""`equilibrium-resize`: other CPU or memory for a container of a running pod, with an exit code per outcome."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from coordinator.kube.resize import options, pods, refusals, report
from coordinator.kube.resize.order import Order
from coordinator.kube.resize.scaling import apply_scaling
from coordinator.kube.resize.writing import REQUEST_S
from coordinator.policy.outcome import Outcome
from sidecar.errors import ConfigError
from sidecar.kube import kubeconfig
from sidecar.kube.client import ApiError, Client
from sidecar.kube.kubeconfig import Way

DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_INTERRUPTED: Final = "interrupted: the patch may or may not have been sent; the pod tells"
_CREDENTIALS: Final = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: those of `options.EXIT`, 2 wrong usage, 130 interrupted."""
    try:
        given = options.parse(argv)
    except SystemExit as end:
        return int(end.code or 0)
    with _terminable(), tempfile.TemporaryDirectory(prefix="equilibrium-") as folder:
        try:
            way = kubeconfig.find(given.server, given.kubeconfig, given.context, os.environ, Path(folder))
            return asyncio.run(_resize(given, way))
        except ConfigError as error:
            return _failed(error, _CREDENTIALS)
        except KeyboardInterrupt:
            return _failed(_INTERRUPTED, options.INTERRUPTED)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends it as ^C does: with the temporary folder, in which there may be somebody's private key."""
    if threading.current_thread() is not threading.main_thread():  # others get no signals
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _resize(given: argparse.Namespace, way: Way) -> int:
    namespace = given.namespace or way.namespace
    client = Client(way.access)
    try:
        container, outcome = await _outcome(client, given, namespace)
    finally:
        await client.close()
    tell = report.machine if given.output == "json" else report.text
    print(tell(outcome, given.pod, namespace, container))
    return options.EXIT[outcome.kind]


async def _outcome(client: Client, given: argparse.Namespace, namespace: str) -> tuple[str, Outcome]:
    try:
        container = given.container or await _default(client, namespace, given.pod)
    except ApiError as error:
        return "?", refusals.outcome(error)
    outcome = await apply_scaling(
        client,
        given.pod,
        namespace,
        container,
        given.cpu,
        given.memory,
        given.policy,
        wait_s=given.timeout if given.wait else None,
        dry_run=given.dry_run,
        allow_restart=given.allow_restart,
        field_manager=given.field_manager,
    )
    return container, outcome


async def _default(client: Client, namespace: str, name: str) -> str:
    """The container kubectl would take. Raises `ApiError`."""
    order = Order(namespace=namespace, pod=name, container="", wanted={}, field_manager="")
    pod = await client.request("GET", order.path, timeout_s=REQUEST_S)
    told = pods.table(pods.metadata(pod).get("annotations")).get(DEFAULT_CONTAINER)
    first = next((str(place.container.get("name")) for place in pods.containers(pod)), "")
    return str(told) if told else first


def _failed(error: object, status: int) -> int:
    for line in str(error).splitlines():
        print(f"equilibrium-resize: {line}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
