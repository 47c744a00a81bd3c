"""A scrape configuration for a mesh of local processes: every target by its address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ADMIN_PORT: Final = 15490
RULES: Final = tuple(
    str(Path(__file__).with_name(name)) for name in ("equilibrium.rules.yml", "equilibrium.alerts.yml")
)
CADVISOR: Final = "/metrics/cadvisor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where to scrape. `mesh`: the discovery file's content; addresses are `ip:port`."""

    mesh: Mapping[str, Any]
    coordinators: Sequence[str] = ()
    nodes: Sequence[str] = ()
    """APIs of local nodes, with the kubelet's /metrics/cadvisor."""


def config(sources: Sources, interval: str = "1s", rules: Sequence[str] = RULES) -> dict[str, Any]:
    """Prometheus' configuration, as plain values: JSON is YAML. ValueError where the mesh is not a discovery file."""
    jobs = [
        _job("equilibrium-sidecars", _sidecars(sources.mesh)),
        _job("equilibrium-coordinator", _plain(sources.coordinators)),
        _job("kubelet-cadvisor", _plain(sources.nodes)) | {"metrics_path": CADVISOR},
    ]
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": list(rules),
        "scrape_configs": [job for job in jobs if job["static_configs"]],
    }


def _job(name: str, targets: list[dict[str, Any]]) -> dict[str, Any]:
    """honor_labels: what is said of a pod keeps that pod's name, as in prometheus.yml."""
    return {"job_name": name, "honor_labels": True, "static_configs": targets}


def _plain(addresses: Sequence[str]) -> list[dict[str, Any]]:
    return [{"targets": list(addresses)}] if addresses else []


def _sidecars(mesh: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of endpoints, and of callers that are nobody's endpoint (the gateway): a sidecar's ports are always the same."""
    try:
        told = [(each["address"], each["workload"], each.get("name", "")) for each in _named(mesh)]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a discovery file of the local mesh: {error!r}") from None
    found: dict[str, dict[str, Any]] = {}
    for address, workload, name in told:
        namespace, _, short = workload.partition("/")
        labels = {"namespace": namespace, "workload": short, "pod": name or short}
        target = f"{address.partition(':')[0]}:{ADMIN_PORT}"
        found.setdefault(target, {"targets": [target], "labels": labels})
    return list(found.values())


def _named(mesh: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        *(each for service in mesh["services"] for each in service["endpoints"]),
        *mesh.get("callers", ()),
    ]
