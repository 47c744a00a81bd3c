"""What pods say about their size: annotations that more than one program reads, their older names, what is allowed.

The injector checks them when a pod is created, the coordinator reads them when it sizes one: the same parser, so that
neither takes what the other refuses.
"""

from collections.abc import Mapping
from typing import Final

from sidecar import contract, parsing
from sidecar.parsing import unfit
from sidecar.policy import quantities

RESIZE: Final = contract.ANNOTATION_PREFIX + "resize"
RESIZE_POLICY: Final = contract.ANNOTATION_PREFIX + "resize-policy"
RESIZE_SINCE: Final = contract.ANNOTATION_PREFIX + "resize-since"
"""What others did to the pod before this time (RFC 3339) does not count any more: how a user has us resume."""
BUDGET: Final = contract.ANNOTATION_PREFIX + "budget"
MIN_CPU: Final = contract.ANNOTATION_PREFIX + "min-cpu"
MAX_CPU: Final = contract.ANNOTATION_PREFIX + "max-cpu"
ENABLED_ALIAS: Final = "mbcas.enabled"
"""Opts in to all there is, where none of ours says otherwise."""
ALIASES: Final = {BUDGET: "mbcas.budget", MIN_CPU: "mbcas.minCPU", MAX_CPU: "mbcas.maxCPU"}
POLICIES: Final = ("limits", "requests", "both")


def lookup(annotations: Mapping[str, str], key: str) -> tuple[str, str | None]:
    """The annotation that counts, ours before its alias, and what it says; None where neither is there."""
    alias = ALIASES.get(key, key)
    name = key if key in annotations or alias not in annotations else alias
    return name, annotations.get(name)


def parse_budget(text: str) -> int:
    """A whole number above 0. Raises ParseError."""
    return parsing.parse_count(1)(text)


def parse_cpu(text: str) -> int:
    """Millicores, at least 1. Raises ParseError."""
    amount_m = quantities.parse_quantity(text, 1000)
    if amount_m < 1:
        raise unfit("not above 0", "at least 1m")
    return amount_m
