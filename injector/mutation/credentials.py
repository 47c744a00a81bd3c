"""What the sidecar proves itself with: a token in a volume of its own, mounted in no other container.

The application's service account is the pod's only identity. A coordinator gets a token that is good for nothing else;
only discovery by the API server itself needs one the server takes, and its rights are the application's.
"""

from typing import Any, Final

from injector.template import Template
from sidecar import contract

Json = dict[str, Any]

VOLUME: Final = "equilibrium-token"
_EXPIRY_S: Final = 3600
_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where every Kubernetes client looks. The server mounts it in containers of the pod's author, not in ours."""


def token_path(template: Template) -> str:
    """EQUILIBRIUM_TOKEN; empty where there is none, or where the client knows by itself."""
    return contract.TOKEN_PATH if template.discovery.startswith("coordinator:") else ""


def volume(template: Template) -> Json | None:
    """None where nobody asks who the sidecar is."""
    if path := token_path(template):
        sources = [_token(path.rpartition("/")[2], audience=contract.TOKEN_AUDIENCE)]
    elif template.discovery == "kubernetes":
        authority = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
        sources = [_token("token"), {"configMap": authority}]
    else:
        return None
    return {"name": VOLUME, "projected": {"sources": sources}}


def mount(template: Template) -> Json:
    """Of that volume, in the sidecar."""
    folder = token_path(template).rpartition("/")[0] or _ACCOUNT
    return {"name": VOLUME, "mountPath": folder, "readOnly": True}


def _token(file: str, **more: str) -> Json:
    return {"serviceAccountToken": {"expirationSeconds": _EXPIRY_S, "path": file} | more}
