"""CPU, throttling and memory of every container under cAdvisor's names, for a Prometheus or `curl`."""

from collections.abc import Callable, Mapping

from loadtest.mesh.node import objects
from loadtest.mesh.node.enclosure import Enclosure
from loadtest.mesh.node.store import Store

Pick = Callable[[Enclosure], float | None]
METRICS: Mapping[str, tuple[str, Pick]] = {
    "container_cpu_usage_seconds_total": ("counter", lambda each: each.cpu_s()),
    "container_cpu_cfs_periods_total": ("counter", lambda each: each.throttling().periods),
    "container_cpu_cfs_throttled_periods_total": ("counter", lambda each: each.throttling().throttled),
    "container_cpu_cfs_throttled_seconds_total": ("counter", lambda each: each.throttling().throttled_s),
    "container_memory_working_set_bytes": ("gauge", lambda each: each.used_bytes()),
}


def text(store: Store, enclosures: Mapping[tuple[str, str], Enclosure]) -> str:
    """Of all that run."""
    lines = []
    for name, (kind, pick) in METRICS.items():
        lines.append(f"# TYPE {name} {kind}")
        for (namespace, pod), enclosure in sorted(enclosures.items()):
            if (objects.PODS, namespace, pod) in store.objects and (value := pick(enclosure)) is not None:
                labels = f'namespace="{namespace}",pod="{pod}",container="{objects.CONTAINER}"'
                lines.append(f"{name}{{{labels}}} {value:.15g}")
    return "\n".join(lines) + "\n"
