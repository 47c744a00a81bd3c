"""Which recorded exchanges are replayed against the double, and how: all of them, those of resizes in `scenes`."""

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
    "kubelet-resize-above-node-403",
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
    "pod-get-after-resizes",
    "pod-status-resize-deferred",
    "pod-status-resize-infeasible",
    "resize-bad-quantity-422",
    "resize-besteffort-422",
    "resize-conflict-409",
    "resize-forbidden-403",
    "resize-json-patch-test-failed-422",
    "resize-merge-patch-replaces-list-422",
    "resize-negative-422",
    "resize-pod-not-found-404",
    "resize-qos-change-422",
    "resize-request-above-limit-422",
    "resize-unknown-container-422",
    "resize-unsupported-media-type-415",
    "resize-via-plain-pod-patch-422",
    "service-get",
    "watch-endpointslices-with-bookmarks",
    "watch-future-rv",
    "watch-too-old-rv1",
)
