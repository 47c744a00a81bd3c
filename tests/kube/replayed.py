"""Which recorded exchanges are replayed against the double, and how; which are not, and why."""

RESIZE = "the resize subresource is not in the double"
KUBELET = "what a kubelet did with a resize; the double has no resize"

AS_RECORDED = (
    "discovery-api-v1",
    "version",
    "list-bad-continue",
    "pod-create",
    "pod-with-resize-policy",
    "lease-create",
)
"""The request is sent as it was, to an empty server."""
WEBHOOK = ("badpatch", "deny", "invalidpod", "uid")
"""A pod of this name is created, and the webhook does what the name says."""
ON_THE_POD = (
    "resize-bad-quantity-422",
    "resize-conflict-409",
    "resize-json-patch-test-failed-422",
    "resize-pod-not-found-404",
    "resize-unsupported-media-type-415",
)
"""Refusals every patch of a pod has, recorded on the resize subresource: replayed on the pod itself."""
REVIEWS = {
    "admissionreview-deployment-create": 0,
    "admissionreview-deployment-update-kubectl-annotate": -1,
    "admissionreview-pod-create-from-replicaset": 0,
    "admissionreview-pod-dry-run": -1,
}
"""What the webhook was asked: the first question or the last, of a pod that was changed and shown again."""
BY_A_TEST_OF_ITS_OWN = (
    "api-unauthorized-401",
    "endpointslices-list",
    "lease-create-already-exists-409",
    "lease-update-ok",
    "lease-update-stale-409",
    "list-limit-continue",
    "mutatingwebhookconfiguration-create",
    "mutatingwebhookconfiguration-missing-sideeffects-422",
    "pod-after-real-injection",
    "pod-create-already-exists",
    "pod-create-webhook-down-failurepolicy-fail",
    "pod-create-with-webhook-warning",
    "resize-forbidden-403",
    "resize-via-plain-pod-patch-422",
    "service-get",
    "watch-endpointslices-with-bookmarks",
    "watch-future-rv",
    "watch-too-old-rv1",
)
NOT_REPLAYED = {
    "kubelet-resize-above-node-403": KUBELET,
    "kubelet-resize-deferred": KUBELET,
    "kubelet-resize-deferred-reverted": KUBELET,
    "kubelet-resize-down-applied": KUBELET,
    "kubelet-resize-memory-back": KUBELET,
    "kubelet-resize-memory-below-usage": KUBELET,
    "kubelet-resize-memory-up-applied": KUBELET,
    "kubelet-resize-odd-millicores": KUBELET,
    "kubelet-resize-up-applied": KUBELET,
    "pod-get-after-resizes": RESIZE,
    "pod-status-resize-deferred": RESIZE,
    "pod-status-resize-infeasible": RESIZE,
    "resize-besteffort-422": RESIZE,
    "resize-both-ok": RESIZE,
    "resize-dry-run-ok": RESIZE,
    "resize-image-change-is-ignored-200": RESIZE,
    "resize-json-patch-ok": RESIZE,
    "resize-limits-cpu-strategic-ok": RESIZE,
    "resize-memory-limit-decrease": RESIZE,
    "resize-merge-patch-replaces-list-422": RESIZE,
    "resize-negative-422": RESIZE,
    "resize-qos-change-422": RESIZE,
    "resize-request-above-limit-422": RESIZE,
    "resize-requests-ok": RESIZE,
    "resize-server-side-apply-ok": RESIZE,
    "resize-unknown-container-422": RESIZE,
}
