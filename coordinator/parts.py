"""What a coordinator consists of, built from its settings. Who starts and stops it is `app`."""

import logging
import random
from collections.abc import Callable, Mapping
from typing import Protocol

from coordinator.callers.identify import Identify
from coordinator.kube import resize
from coordinator.kube.autoscalers import Autoscalers
from coordinator.kube.inventory import Inventory
from coordinator.kube.lease import Leader
from coordinator.kube.resize import Expect
from coordinator.loop.act import Act
from coordinator.loop.calculate import Calculate
from coordinator.loop.cycle import Turn
from coordinator.loop.negotiate import Negotiate
from coordinator.loop.observe import Observe
from coordinator.metrics import Metrics
from coordinator.policy.controller import Controller
from coordinator.policy.grant import Grant
from coordinator.policy.outcome import Outcome
from coordinator.policy.standdown import StandDown
from coordinator.record import Cycle
from coordinator.settings import Settings
from coordinator.telemetry.prometheus import TIMEOUT_S, Prometheus
from coordinator.telemetry.sidecars import ROUNDS, Sidecars
from sidecar.kube.access import Access, in_cluster
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError
from sidecar.kube.events import Recorder

log = logging.getLogger("equilibrium.coordinator")

Stopping = Callable[[], bool]


class Writer(Protocol):
    """Who may write, and for how long: a `Leader`."""

    @property
    def leading(self) -> bool:
        """Now."""
        ...

    @property
    def holder(self) -> str:
        """Who does."""
        ...

    def left_s(self) -> float:
        """Seconds for which this process may still write."""
        ...


def access(settings: Settings, environ: Mapping[str, str]) -> Access:
    """How to reach the API server. Raises ConfigError when the cluster's files are missing."""
    if settings.api == "in-cluster":
        return in_cluster(environ)
    return Access(url=settings.api, token_file=settings.api_token_file, ca_file=settings.api_ca_file)


def candidate(settings: Settings, client: Client) -> Leader:
    """For the Lease."""
    return Leader(
        client, settings.namespace, settings.lease, settings.name, duration_s=settings.lease_duration
    )


class Parts:
    """`writer` None: nothing is ever written (a dry run). `stopping`: no further patch is to be begun."""

    def __init__(self, settings: Settings, client: Client, writer: Writer | None, stopping: Stopping) -> None:
        self._settings = settings
        self.client = client
        self._writer = writer
        self.metrics = Metrics()
        self.callers = Identify(
            client, settings.key, failed=lambda error: self.api_failed("tokenreviews", error)
        )
        self.recorder = Recorder(client, "equilibrium-coordinator", settings.name)
        self.inventory = Inventory(
            client,
            settings.rules,
            reserve=settings.reserve,
            namespaces=settings.namespaces,
            failed=self.api_failed,
        )
        self.autoscalers = Autoscalers(client, lambda error: self.api_failed("autoscalers", error))
        self.sidecars = Sidecars(
            settings.key,
            settings.workload,
            demand_s=settings.demand_timeout,
            negotiate_s=settings.negotiate_timeout,
            memory=settings.memory != "off" and settings.prometheus is None,
        )
        self.prometheus = _prometheus(settings)
        self.turn = self._turn(stopping)
        self.last: Cycle | None = None
        """The last one that ended."""

    def _turn(self, stopping: Stopping) -> Turn:
        controller = Controller(self._settings.config, random.Random())  # noqa: S311  exploration, not a secret
        stand_down = StandDown()
        act = Act(controller, self._patch, stand_down, stopping=stopping)
        observe = Observe(
            self.inventory,
            self.autoscalers,
            self.sidecars,
            self.prometheus,
            stand_down=stand_down,
            caught_up=act.catch_up,
            told=self.recorder.take,
        )
        return Turn(
            observe,
            Calculate(controller, self.inventory, slow=self._settings.allocator == "regret"),
            Negotiate(controller, self.sidecars),
            act,
            stand_down=stand_down,
            leader=self._writer,
            hindrance=self.hindrance,
        )

    def leading(self) -> bool:
        """This process holds the Lease now; never on a dry run."""
        return self._writer is not None and self._writer.leading

    async def list_once(self) -> None:
        """Know what there is now, and follow nothing. Raises `ApiError`."""
        await self.inventory.once()
        await self.autoscalers.once()

    def ignorance(self) -> str:
        """What is not known, or not known any more; empty: nothing."""
        missing = self.inventory.missing() or ("" if self.autoscalers.synced else "autoscalers")
        if missing:
            return f"not listed yet: {missing}"
        stale = self.inventory.stale(self._settings.stale)
        return f"stale: the API server has said nothing of {stale}" if stale else ""

    def leader(self) -> str:
        """Who may write, in words."""
        if self._writer is None:
            return "dry run"
        if self._writer.leading:
            return "leads"
        return f"{self._writer.holder or 'nobody'} leads"

    async def hindrance(self) -> str:
        """Why nothing should be written now: what is known may not be what is there, or nobody can be resized."""
        if ignorance := self.ignorance():
            return ignorance
        try:
            if await resize.supported(self.client):
                return ""
        except ApiError as error:
            return f"unreachable: {error}"
        return "unsupported: the API server has no pods/resize; Kubernetes 1.33 and later have"

    async def close(self) -> None:
        """Close connections to sidecars and Prometheus; the client is its owner's."""
        await self.sidecars.close()
        if self.prometheus is not None:
            await self.prometheus.close()

    async def _patch(self, grant: Grant) -> Outcome:
        """Write one grant, while we may."""
        subject, writer = grant.subject, self._writer
        if writer is None:
            return Outcome(kind="failed", reason="dry-run", message="nothing is written on a dry run")
        return await resize.apply_scaling(
            self.client,
            subject.name,
            subject.namespace,
            subject.container,
            grant.cpu_m,
            grant.memory_bytes,
            subject.policy,
            guard=writer.left_s,
            expect=Expect(uid=subject.uid, amounts=subject.spec),
        )

    def api_failed(self, what: str, error: ApiError) -> None:
        """A list, a watch or a review went wrong: counted and said once."""
        self.metrics.api_failed(what)
        log.warning("%s: %s", what, error, extra={"fields": {"collection": what, "reason": error.reason}})


def _prometheus(settings: Settings) -> Prometheus | None:
    if settings.prometheus is None:
        return None
    return Prometheus(
        settings.prometheus,
        window_s=settings.prometheus_window,
        age_s=2 * settings.cycle,
        token_file=settings.prometheus_token_file,
        timeout_s=min(TIMEOUT_S, ROUNDS * settings.demand_timeout),
    )
