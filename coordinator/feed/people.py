"""Who is at which address: the pods' identities, by address and by workload. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from coordinator.kube.identities import Identity

Pod = tuple[str, str]
"""Namespace, name."""


class People:
    """All pods that have an address of their own."""

    def __init__(self) -> None:
        self._pods: dict[Pod, Identity] = {}
        self._by_ip: dict[str, dict[Pod, Identity]] = {}
        self._mesh: dict[str, set[Pod]] = {}
        self.size = 0
        """Pods with a sidecar."""

    def __repr__(self) -> str:
        return f"People({len(self._pods)} pods, {self.size} with a sidecar)"

    def put(self, pod: Pod, found: Identity | None) -> set[Identity]:
        """None: it is no more. Those that are not as they were: the pod before, the pod now."""
        found = found if found is not None and found.ips else None
        before = self._pods.get(pod)
        if before == found:
            return set()
        if before is not None:
            self._out(pod, before)
        if found is not None:
            self._in(pod, found)
        return {each for each in (before, found) if each is not None}

    def replace(self, everybody: Mapping[Pod, Identity]) -> set[Identity]:
        """All there are."""
        gone = [pod for pod in self._pods if pod not in everybody]
        changed: set[Identity] = set()
        for pod in gone:
            changed |= self.put(pod, None)
        for pod, found in everybody.items():
            changed |= self.put(pod, found)
        return changed

    def at(self, ip: str) -> Identity | None:
        """Whose address it is. None too where two workloads claim it: a wrong identity would be policed."""
        claims = self._by_ip.get(ip)
        if not claims:
            return None
        found = next(iter(claims.values()))
        same = all(each.workload == found.workload for each in claims.values())
        return found if same and found.workload else None

    def of(self, workloads: Iterable[str]) -> Iterator[Identity]:
        """The pods with a sidecar of these."""
        for workload in workloads:
            for pod in self._mesh.get(workload, ()):
                yield self._pods[pod]

    def everybody(self) -> Iterator[Identity]:
        """The pods with a sidecar."""
        return self.of(self._mesh)

    def _in(self, pod: Pod, found: Identity) -> None:
        self._pods[pod] = found
        for ip in found.ips:
            self._by_ip.setdefault(ip, {})[pod] = found
        if found.mesh:
            self._mesh.setdefault(found.workload, set()).add(pod)
            self.size += 1

    def _out(self, pod: Pod, before: Identity) -> None:
        del self._pods[pod]
        for ip in before.ips:
            claims = self._by_ip[ip]
            claims.pop(pod, None)
            if not claims:
                del self._by_ip[ip]
        if before.mesh:
            mates = self._mesh[before.workload]
            mates.discard(pod)
            self.size -= 1
            if not mates:
                del self._mesh[before.workload]
