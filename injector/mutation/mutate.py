"""Pod in, pod with a sidecar out. Parts that are not touched are shared with the original, never copied."""

from dataclasses import dataclass
from typing import Any, Final

from injector.mutation import application, containers, credentials, environment, explicit, resources
from injector.mutation.application import NamedPort
from injector.mutation.plan import Plan
from injector.mutation.probes import Rewriting
from injector.mutation.status import Status
from injector.template import Template
from sidecar import contract

Json = dict[str, Any]

_SCRAPE: Final = {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": str(contract.ADMIN_PORT),
    "prometheus.io/path": "/metrics",
}


@dataclass(frozen=True, slots=True)
class Injection:
    """The pod as it shall be, and what its owner should know."""

    pod: Json
    warnings: tuple[str, ...]


def inject(pod: Json, namespace: str, plan: Plan, template: Template) -> Injection:
    """Carry out a plan without mistakes. `pod` is not changed."""
    spec, status = dict(pod["spec"]), Status()
    main = application.main(pod)
    originals = _rewrite_probes(spec, plan, status)
    moved = None if plan.intercept else application.movable_port(spec)
    warnings = plan.warnings
    if not plan.intercept:
        warnings += tuple(explicit.warnings(spec["containers"], moved))
        spec["containers"] = [_explicit(each, moved, status) for each in spec["containers"]]
    env = environment.build(pod, namespace, plan, template, main, moved, originals)
    _add_containers(spec, plan, template, env, status)
    if token := credentials.volume(template):
        spec["volumes"] = [*(spec.get("volumes") or ()), token]
        status.volumes.append(token["name"])
    if whole := resources.of_pod(spec):
        status.resources = whole
        spec["resources"] = resources.enlarged(whole, plan.resources)
    metadata = _metadata(pod.get("metadata") or {}, main["name"], status)
    return Injection(pod | {"metadata": metadata, "spec": spec}, warnings)


def _rewrite_probes(spec: Json, plan: Plan, status: Status) -> dict[str, Json]:
    """Of containers, and of other native sidecars where ours is one: it starts first.

    An ordinary sidecar starts after all of them, and would answer for them too late. Other init containers have none.
    """
    rewriting = Rewriting()
    spec["containers"] = [rewriting.rewrite(each) for each in spec["containers"]]
    if plan.native and spec.get("initContainers"):
        spec["initContainers"] = [rewriting.rewrite(each) for each in spec["initContainers"]]
    status.probes = rewriting.handlers
    return rewriting.originals


def _explicit(container: Json, moved: NamedPort | None, status: Status) -> Json:
    changed = explicit.with_proxy(container)
    if changed is not container:
        status.env[container["name"]] = list(explicit.ENV)
    if moved and moved.container == container["name"]:
        status.port = moved.as_json()
        changed = explicit.without_name(changed, moved)
    return changed


def _add_containers(spec: Json, plan: Plan, template: Template, env: list[Json], status: Status) -> None:
    """A native sidecar goes before every init container, so that these have a network that works.

    Before an ordinary sidecar there is none: the rules are laid after the last init container.
    """
    grace_s = spec.get("terminationGracePeriodSeconds")
    name = status.port["name"] if status.port else ""
    sidecar = containers.sidecar(plan, template, env, name, grace_s)
    rules = [containers.init(plan, template)] if plan.intercept else []
    theirs = spec.get("initContainers") or []
    if plan.native:
        spec["initContainers"] = [*rules, sidecar, *theirs]
    else:
        spec["containers"] = [sidecar, *spec["containers"]]
        status.containers.append(sidecar["name"])
        if rules:
            spec["initContainers"] = [*theirs, *rules]
    status.initContainers = [each["name"] for each in (*rules, *([sidecar] if plan.native else []))]


def _metadata(metadata: Json, main: str, status: Status) -> Json:
    """With the annotations and labels of ours that are not there yet; nobody's are overwritten."""
    annotations, labels = dict(metadata.get("annotations") or {}), dict(metadata.get("labels") or {})
    wanted = {application.DEFAULT_CONTAINER: main}
    if not any(key.startswith("prometheus.io/") for key in annotations):
        wanted |= _SCRAPE
    status.annotations = [key for key in wanted if key not in annotations]
    annotations = wanted | annotations
    if contract.INJECTED not in labels:
        status.labels.append(contract.INJECTED)
        labels[contract.INJECTED] = "true"
    annotations[contract.STATUS] = status.dump()
    return metadata | {"annotations": annotations, "labels": labels}
