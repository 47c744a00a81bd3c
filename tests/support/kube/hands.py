"""How controllers write: through admission like everybody else, as the controller manager."""

from typing import Any

from tests.support.kube.matching import User
from tests.support.kube.resources import Target, by_kind, of
from tests.support.kube.store import Key, Store
from tests.support.kube.strategies import stamp
from tests.support.kube.verbs import Verbs

Object = dict[str, Any]

USER = User("system:kube-controller-manager", ("system:authenticated",))


class Hands:
    """The writes of controllers; what is refused is raised."""

    def __init__(self, store: Store, verbs: Verbs):
        self._store = store
        self._verbs = verbs

    def all(self, kind: str, beside: Object) -> list[Object]:
        """Of a kind, in the namespace of an object."""
        return self._store.all(by_kind(kind), beside["metadata"]["namespace"])

    async def create(self, obj: Object) -> Object:
        target = Target(of(obj), obj["metadata"]["namespace"])
        return await self._verbs.create(target, obj, USER, _silent)

    async def update(self, obj: Object) -> Object:
        return await self._verbs.update(Target(*key_of(obj)), obj, USER, _silent)

    async def delete(self, obj: Object) -> None:
        await self._verbs.delete(Target(*key_of(obj)), {}, USER, _silent, dry_run=False)

    def set_status(self, obj: Object, status: Object) -> None:
        """Unless it is the one it has."""
        found = self._store.get(key_of(obj))
        if found is not None and found["status"] != status:
            self._store.put(key_of(obj), found | {"status": status})

    def annotate(self, obj: Object, name: str, value: str) -> None:
        """Past the webhooks of the workload: the real controller does it with the status."""
        found = self._store.get(key_of(obj))
        if found is not None and (found["metadata"].get("annotations") or {}).get(name) != value:
            found["metadata"].setdefault("annotations", {})[name] = value
            self._store.put(key_of(obj), found)

    async def tell(self, about: Object, reason: str, message: str) -> None:
        """A warning event, as `kubectl describe` shows it."""
        metadata = about["metadata"]
        involved = {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "namespace": metadata["namespace"],
        }
        involved |= {"name": metadata["name"], "uid": metadata["uid"]}
        own = {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]}
        event = {"apiVersion": "v1", "kind": "Event", "metadata": own, "involvedObject": involved}
        told = {"type": "Warning", "reason": reason, "message": message, "count": 1}
        await self.create(event | told | {"firstTimestamp": stamp(), "lastTimestamp": stamp()})


def key_of(obj: Object) -> Key:
    return of(obj), obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _silent(warning: str) -> None:
    """Warnings to a controller are read by nobody."""
