"""What the server demands of the resources of a container (`ValidateContainerResourceRequirements`)."""

from collections.abc import Iterator
from typing import Any

from tests.support.kube.quantities import FORM, canonical, value
from tests.support.kube.status import Cause

Object = dict[str, Any]


def mistakes(resources: Object, path: str) -> Iterator[Cause]:
    """Of the limits, then of the requests."""
    limits, requests = (_readable(resources.get(side)) for side in ("limits", "requests"))
    yield from _negative(limits, f"{path}.limits")
    yield from _negative(requests, f"{path}.requests")
    for name, amount in requests.items():
        if name in limits and value(amount) > value(limits[name]):
            most = f"must be less than or equal to {name} limit of {canonical(limits[name])}"
            yield "FieldValueInvalid", f'Invalid value: "{canonical(amount)}": {most}', f"{path}.requests"


def _negative(amounts: Object, path: str) -> Iterator[Cause]:
    for name, amount in amounts.items():
        if value(amount) < 0:
            why = f'Invalid value: "{amount}": must be greater than or equal to 0'
            yield "FieldValueInvalid", why, f"{path}[{name}]"


def _readable(amounts: Any) -> Object:
    found = amounts if isinstance(amounts, dict) else {}
    return {name: amount for name, amount in found.items() if FORM.match(str(amount))}
