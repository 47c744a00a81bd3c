"""The server's own admission plug-ins for pods: service account, tolerations, priority.

Each leaves alone what is there, so that the chain may run again after a webhook changed the pod.
"""

import copy
import random
from typing import Any

from tests.support.kube.pod_defaults import containers

MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
PREFIX = "kube-api-access-"
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
NOT_READY_S = 300

SOURCES: list[dict[str, Any]] = [
    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {
        "downwardAPI": {
            "items": [
                {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
            ]
        }
    },
    {
        "configMap": {
            "name": "openshift-service-ca.crt",
            "items": [{"key": "service-ca.crt", "path": "service-ca.crt"}],
        }
    },
]


def admit_pod(spec: dict[str, Any], rng: random.Random) -> None:
    """What happens to every new pod before and after the webhooks, in place."""
    spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = spec["serviceAccountName"]
    if spec.get("automountServiceAccountToken", True):
        _mount_token(spec, rng)
    _tolerate(spec)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")


def suffix(rng: random.Random) -> str:
    """Five letters, as `generateName` appends them."""
    return "".join(rng.choices(SUFFIX_LETTERS, k=5))


def _mount_token(spec: dict[str, Any], rng: random.Random) -> None:
    volumes = spec.setdefault("volumes", [])
    known = [volume["name"] for volume in volumes if volume.get("name", "").startswith(PREFIX)]
    name = known[0] if known else PREFIX + suffix(rng)
    needed = False
    for container in containers(spec):
        mounts = container.setdefault("volumeMounts", [])
        if all(mount.get("mountPath") != MOUNT for mount in mounts):
            mounts.append({"name": name, "readOnly": True, "mountPath": MOUNT})
            needed = True
    if needed and not known:
        projected = {"sources": copy.deepcopy(SOURCES), "defaultMode": 420}
        volumes.append({"name": name, "projected": projected})


def _tolerate(spec: dict[str, Any]) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for condition in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{condition}"
        if all(each.get("key") not in (key, None, "") for each in tolerations):
            wanted = {"key": key, "operator": "Exists", "effect": "NoExecute"}
            tolerations.append(wanted | {"tolerationSeconds": NOT_READY_S})
