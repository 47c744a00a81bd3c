"""Pods as API servers show them to a webhook, of a wanted size. Pure; the same seed gives the same pods.

Real pods get large in three ways, and these do in equal parts: environment variables, annotations that other
programs write, and `managedFields`, in which the server keeps who wrote what.
"""

import random
import string
from collections.abc import Iterator
from typing import Any

import orjson

Json = dict[str, Any]

UID = b"00000000-0000-0000-0000-000000000000"
"""Stands in every body once for the review's uid: replace it by another of its length."""
NAMESPACE = "shop"


def body(rng: random.Random, size: int, number: int) -> bytes:
    """An AdmissionReview of the creation of an opted-in pod of a Deployment, of about `size` bytes."""
    pod = _pod(rng, number)
    missing = size - len(_review(pod))
    if missing > 0:
        _grow(pod, rng, missing)
    return _review(pod)


def bodies(seed: int, sizes: tuple[int, ...]) -> Iterator[bytes]:
    """One of each size in turn, for ever, of a few that were made in advance."""
    rng = random.Random(seed)
    made = [body(rng, size, number) for number, size in enumerate(sizes)]
    while True:
        yield from made


def _pod(rng: random.Random, number: int) -> Json:
    deployment, template = f"service-{number % 12}", _word(rng, 10)
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"{deployment}-{template}",
        "uid": _word(rng, 36),
    }
    probe = {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10}
    app = {
        "name": "app",
        "image": f"registry.example/{deployment}:1.{number}",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "livenessProbe": probe,
        "readinessProbe": probe,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config", "readOnly": True}],
        "imagePullPolicy": "IfNotPresent",
    }
    helper = {"name": "agent", "image": "registry.example/agent:3", "env": [], "resources": {}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{deployment}-{template}-",
            "labels": {"app": deployment, "pod-template-hash": template},
            "annotations": {
                "equilibrium.io/inject": "true",
                "equilibrium.io/skip-outbound-ports": "5432,9092",
            },
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
            "managedFields": [],
        },
        "spec": {
            "initContainers": [
                {"name": "migrate", "image": f"registry.example/{deployment}:1", "resources": {}}
            ],
            "containers": [app, helper],
            "volumes": [{"name": "config", "configMap": {"name": deployment}}],
            "serviceAccountName": "default",
            "restartPolicy": "Always",
            "securityContext": {},
        },
    }


def _grow(pod: Json, rng: random.Random, missing: int) -> None:
    third = missing // 3
    app = pod["spec"]["containers"][0]
    while third > len(orjson.dumps(app["env"])):
        app["env"].append({"name": _word(rng, 20).upper(), "value": _word(rng, rng.randrange(5, 60))})
    annotations = pod["metadata"]["annotations"]
    annotations["example.com/last-applied-configuration"] = _word(rng, third)
    fields: Json = {}
    while third > len(orjson.dumps(fields)):
        fields[f'k:{{"name":"{_word(rng, 12)}"}}'] = {".": {}, "f:name": {}, "f:value": {}}
    entry = {
        "manager": "kube-controller-manager",
        "operation": "Update",
        "apiVersion": "v1",
        "fieldsV1": fields,
    }
    pod["metadata"]["managedFields"].append(
        {**entry, "time": "2026-11-21T10:00:00Z", "fieldsType": "FieldsV1"}
    )


def _review(pod: Json) -> bytes:
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    resource = {"group": "", "version": "v1", "resource": "pods"}
    request = {
        "uid": UID.decode(),
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "namespace": NAMESPACE,
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": pod,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    return orjson.dumps({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request})


def _word(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(string.ascii_lowercase + string.digits, k=length))
