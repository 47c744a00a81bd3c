"""What the sidecar proves itself with: a token in a volume of its own, mounted in no other container.

The application's service account is the pod's only identity. A coordinator gets a token that is good for nothing else;
only discovery by the API server itself needs one the server takes, and its rights are the application's.
"""

from typing import Any, Final

from injector.template import Template
from sidecar import contract

Json = dict[str, Any]

VOLUME: Final = "equilibrium-token"
_AUTHORITY: Final = "ca.crt"
_EXPIRY_S: Final = 3600
_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where every Kubernetes client looks. The server mounts it in containers of the pod's author, not in ours."""


def token_path(template: Template) -> str:
    """EQUILIBRIUM_TOKEN; empty where there is none, or where the client knows by itself."""
    advised = template.discovery == "dns" and template.advice.startswith("http")
    return contract.TOKEN_PATH if advised or template.discovery.startswith("coordinator:") else ""


def ca_path(template: Template) -> str:
    """EQUILIBRIUM_CA; empty where the sidecar believes those it knows."""
    folder = token_path(template).rpartition("/")[0]
    return f"{folder}/{_AUTHORITY}" if folder and template.discovery_ca else ""


def volume(template: Template) -> Json | None:
    """None where nobody asks who the sidecar is."""
    if path := token_path(template):
        sources = [_token(path.rpartition("/")[2], audience=contract.TOKEN_AUDIENCE)]
        if template.discovery_ca:  # optional: a pod starts without it, and its sidecar says what it misses
            sources.append({"configMap": _authority(template.discovery_ca) | {"optional": True}})
    elif template.discovery == "kubernetes":
        sources = [_token("token"), {"configMap": _authority("kube-root-ca.crt")}]
    else:
        return None
    return {"name": VOLUME, "projected": {"sources": sources}}


def mount(template: Template) -> Json:
    """Of that volume, in the sidecar."""
    folder = token_path(template).rpartition("/")[0] or _ACCOUNT
    return {"name": VOLUME, "mountPath": folder, "readOnly": True}


def _authority(name: str) -> Json:
    return {"name": name, "items": [{"key": _AUTHORITY, "path": _AUTHORITY}]}


def _token(file: str, **more: str) -> Json:
    return {"serviceAccountToken": {"expirationSeconds": _EXPIRY_S, "path": file} | more}
