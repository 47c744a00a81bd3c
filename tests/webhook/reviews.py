"""AdmissionReviews for tests: recorded ones, and the smallest of our own making."""

import base64
import json
from pathlib import Path
from typing import Any

TRANSCRIPTS = Path(__file__).parents[1] / "fixtures" / "kubernetes" / "transcripts"

Json = dict[str, Any]


def recorded(name: str) -> bytes:
    """The body a real API server sent."""
    return json.dumps(json.loads((TRANSCRIPTS / f"{name}.json").read_text())["body"]).encode()


def pod(name: str = "web", **annotations: str) -> Json:
    """An opted-in pod of one container; annotations without their prefix, `_` for `-`."""
    settings = {"inject": "true", **annotations}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "annotations": {
                f"equilibrium.io/{key.replace('_', '-')}": value for key, value in settings.items()
            },
        },
        "spec": {"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}]}]},
    }


def review(reviewed: Json, uid: str = "00000000-0000-0000-0000-000000000001", **more: Any) -> bytes:
    """The review of a pod's creation; `more` are members of its request."""
    kind = {"group": "", "version": "v1", "kind": reviewed["kind"]}
    request = {
        "uid": uid,
        "kind": kind,
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": reviewed["metadata"].get("name", ""),
        "namespace": "default",
        "operation": "CREATE",
        "userInfo": {"username": "admin"},
        "object": reviewed,
        "oldObject": None,
        "dryRun": False,
        **more,
    }
    return json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    ).encode()


def containers_after(response: Json) -> list[str]:
    """Names of the containers a response's patch mentions: that the sidecar is among them is enough here."""
    operations = json.loads(base64.b64decode(response.get("patch", "W10=")))
    return [name for operation in operations for name in _names(operation.get("value"))]


def _names(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for item in value for name in _names(item)]
    return [value["name"]] if isinstance(value, dict) and "name" in value and "image" in value else []
