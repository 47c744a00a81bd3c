"""Small pods and workloads, and what the webhook says to them."""

import base64
import copy
from dataclasses import dataclass
from typing import Any

import jsonpatch
import orjson

from injector import webhook
from injector.template import Template
from sidecar import contract

Json = dict[str, Any]

PREFIX = contract.ANNOTATION_PREFIX
OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gateway-5d", "uid": "9", "controller": True}
GROUPS = {"Pod": "", "Job": "batch", "CronJob": "batch"}


def pod(
    annotations: Json | None = None,
    /,
    *,
    labels: Json | None = None,
    container: Json | None = None,
    **spec: Any,
):
    """A pod of a Deployment, opted in unless `annotations` say otherwise; `container`: more fields of its one."""
    metadata: Json = {"generateName": "gateway-5d-", "ownerReferences": [OWNER]}
    metadata["labels"] = {"pod-template-hash": "5d"} | (labels or {})
    metadata["annotations"] = {contract.INJECT: "true"} | named(annotations)
    app = {"name": "app", "image": "gateway:1"} | (container or {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [app]} | spec}


def named(settings: Json | None) -> Json:
    """Settings by their short names, as annotations."""
    return {
        key if "/" in key or "." in key else PREFIX + key: value for key, value in (settings or {}).items()
    }


def review(obj: Json, **request: Any) -> bytes:
    """An AdmissionReview of the object, CREATE unless `request` says otherwise."""
    kind = {"group": GROUPS.get(obj["kind"], "apps"), "version": "v1", "kind": obj["kind"]}
    given = {
        "uid": "u-1",
        "kind": kind,
        "namespace": "default",
        "operation": "CREATE",
        "object": obj,
    } | request
    return orjson.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": given})


@dataclass(frozen=True)
class Said:
    """An answer, read as the API server reads it."""

    answer: webhook.Answer
    obj: Json
    """With the patch applied."""
    patch: list[Json]
    warnings: list[str]
    message: str

    @property
    def outcome(self) -> str:
        return self.answer.outcome

    @property
    def spec(self) -> Json:
        return self.obj["spec"]

    @property
    def annotations(self) -> Json:
        return self.obj["metadata"].get("annotations") or {}

    def container(self, name: str) -> Json:
        """Of either list."""
        everyone = [*(self.spec.get("initContainers") or ()), *self.spec["containers"]]
        return next(each for each in everyone if each["name"] == name)

    @property
    def sidecar(self) -> Json:
        return self.container(contract.SIDECAR_CONTAINER)

    @property
    def env(self) -> Json:
        """Of the sidecar, by short name; what is not a value as it is written."""
        found = {each["name"].removeprefix(contract.ENV_PREFIX): each for each in self.sidecar["env"]}
        return {name: each.get("value", each.get("valueFrom")) for name, each in found.items()}


def ask(obj: Json, *flags: str, template: Template | None = None, **request: Any) -> Said:
    """What comes of one review."""
    answer = webhook.answer(review(obj, **request), frozenset(flags), template or Template())
    assert answer.status == 200
    assert answer.error == ""
    response = orjson.loads(answer.body)["response"]
    assert response["uid"] == request.get("uid", "u-1")
    patch = orjson.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    changed = jsonpatch.apply_patch(copy.deepcopy(obj), patch)
    message = response.get("status", {}).get("message", "")
    return Said(answer, changed, patch, response.get("warnings", []), message)


def deployment(
    stated: Json | None = None, /, *, template: Json | None = None, kind: str = "Deployment", **spec: Any
):
    """`stated`: its annotations; `template`: those of its pod template."""
    metadata: Json = {"name": "gateway", "namespace": "default", "uid": "d-1", "annotations": named(stated)}
    pods = {
        "metadata": {"labels": {"app": "gateway"}},
        "spec": {"containers": [{"name": "app", "image": "gateway:1"}]},
    }
    if template:
        pods["metadata"]["annotations"] = named(template)
    inner: Json = {"template": pods}
    if kind == "CronJob":
        inner = {"schedule": "* * * * *", "jobTemplate": {"spec": inner}}
    version = "batch/v1" if kind in ("Job", "CronJob") else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": inner | spec}


def template_of(workload: Json) -> Json:
    """Annotations of its pod template."""
    spec = workload["spec"]
    spec = spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec
    return spec["template"]["metadata"].get("annotations", {})


def update(new: Json, old: Json | None = None, *flags: str, **request: Any) -> Said:
    """As `kubectl annotate` or `apply` of something that exists."""
    return ask(new, *flags, operation="UPDATE", oldObject=old, **request)
