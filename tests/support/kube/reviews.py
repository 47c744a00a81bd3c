"""AdmissionReview: what a webhook is asked, and what its answer has to be."""

import base64
import binascii
import json
import uuid
from typing import Any

from tests.support.kube import patches
from tests.support.kube.matching import Attributes
from tests.support.kube.status import Refusal, internal

Object = dict[str, Any]

REVIEW = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}


class CallError(Exception):
    """The webhook could not be asked, or its answer is none; the message is the server's."""


def review_of(attributes: Attributes) -> Object:
    """The question about one write, as the recorded server asks it."""
    resource = attributes.target.resource
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    plural = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    options = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}
    request: Object = {"uid": str(uuid.uuid4()), "kind": kind, "resource": plural}
    if attributes.target.subresource:
        request["subResource"] = attributes.target.subresource
    request |= {"requestKind": kind, "requestResource": plural}
    request |= {key: value for key, value in (("name", attributes.name),) if value}
    request |= {key: value for key, value in (("namespace", attributes.target.namespace),) if value}
    request |= {
        "operation": attributes.operation,
        "userInfo": {"username": attributes.user.name, "groups": list(attributes.user.groups)},
        "object": attributes.object,
        "oldObject": attributes.before,
        "dryRun": attributes.dry_run,
        "options": {"kind": options[attributes.operation], "apiVersion": "meta.k8s.io/v1"},
    }
    if attributes.dry_run:
        request["options"]["dryRun"] = ["All"]
    return REVIEW | {"request": request}


def verified(answer: Any, uid: str) -> Object:
    """The `response`, if it is one to this question."""
    bad = "received invalid webhook response: "
    response = answer.get("response") if isinstance(answer, dict) else None
    if not isinstance(response, dict):
        raise CallError(f"{bad}webhook response was absent")
    if response.get("uid") != uid:
        raise CallError(f'{bad}expected response.uid="{uid}", got "{response.get("uid", "")}"')
    if {key: answer.get(key) for key in REVIEW} != REVIEW:
        got = f"{answer.get('apiVersion')}, Kind={answer.get('kind')}"
        raise CallError(
            f"{bad}expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {got}"
        )
    patch, kind = response.get("patch"), response.get("patchType")
    if patch and kind is None:
        raise CallError(f"{bad}webhook returned response.patch but not response.patchType")
    if kind is not None and not patch:
        raise CallError(f"{bad}webhook returned response.patchType but not response.patch")
    if kind not in (None, "JSONPatch"):
        raise CallError(f'{bad}webhook returned invalid response.patchType of "{kind}"')
    return response


def denial(name: str, status: Object) -> Refusal:
    """Whatever code and reason the webhook chose, but never one below 400."""
    said = status.get("message") or status.get("reason")
    text = f'admission webhook "{name}" denied the request' + (
        f": {said}" if said else " without explanation"
    )
    code = max(int(status.get("code") or 0), 400)
    return Refusal(code, status.get("reason", ""), text, status.get("details"))


def patched(obj: Object | None, response: Object) -> Object | None:
    """The object after the patch; 500 for one that does not apply."""
    if not response.get("patch") or obj is None:
        return obj
    try:
        operations = json.loads(base64.b64decode(response["patch"], validate=True))
        return patches.json_patch(obj, operations)
    except (binascii.Error, ValueError, patches.PatchError, Refusal) as error:
        raise internal(str(error)) from error
