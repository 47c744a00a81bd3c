"""The actuator: resizes containers of running pods through `pods/resize` (docs/resize.md).

outcome = await apply_scaling(client, "bus-7d9f", "shop", "app", "500m", None, "limits", wait_s=30)
if outcome.kind == "deferred":
    await revert(client, "bus-7d9f", "shop", "app", outcome)
"""

from coordinator.kube.resize.amounts import Change, change
from coordinator.kube.resize.judging import judge, settled
from coordinator.kube.resize.order import Expect
from coordinator.kube.resize.rules import legality
from coordinator.kube.resize.scaling import apply_scaling, revert
from coordinator.kube.resize.support import permitted, supported

__all__ = [
    "Change",
    "Expect",
    "apply_scaling",
    "change",
    "judge",
    "legality",
    "permitted",
    "revert",
    "settled",
    "supported",
]
