"""The admission chain: the server's own plug-ins, then the webhooks, and both once more if one changed something.

Webhooks run one after the other, by the names of their configurations. In the second round only those run that
said `reinvocationPolicy: IfNeeded`, ran in the first, and have not seen the object as it now is.
"""

import copy
import random
from collections.abc import Iterator
from typing import Any

from tests.support.kube import defaults, intree
from tests.support.kube.decoding import complaint_of
from tests.support.kube.matching import Attributes, wants
from tests.support.kube.resources import by_kind
from tests.support.kube.reviews import CallError
from tests.support.kube.schema import place, unknown_fields
from tests.support.kube.status import internal
from tests.support.kube.store import Store
from tests.support.kube.webhooks import Services, call

Object = dict[str, Any]

EXEMPT = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
"""Never shown to a webhook, so that a broken one can always be removed."""


class Chain:
    """`await Chain(…).admit(attributes)` changes `attributes.object`; `warnings` are for the user."""

    def __init__(self, store: Store, services: Services, rng: random.Random):
        self.warnings: list[str] = []
        self._store = store
        self._services = services
        self._rng = rng
        self._ran: set[str] = set()
        self._again: set[str] = set()
        self._left_as: Object | None = None
        self._changed = False

    async def admit(self, attributes: Attributes) -> None:
        """Both rounds. Raises the `Refusal` the user gets."""
        self._plug_ins(attributes)
        await self._round(attributes, first=True)
        if self._changed:
            self._plug_ins(attributes)
            await self._round(attributes, first=False)

    def _plug_ins(self, attributes: Attributes) -> None:
        target, obj = attributes.target, attributes.object
        if obj is not None and target.resource.kind == "Pod" and attributes.operation == "CREATE":
            intree.admit_pod(obj["spec"], self._rng)
            defaults.fill(target.resource, obj)

    async def _round(self, attributes: Attributes, *, first: bool) -> None:
        if attributes.target.resource.kind in EXEMPT:
            return
        if not first and attributes.object != self._left_as:
            self._see_again()
        for name, webhook in self._webhooks():
            if not wants(webhook, attributes, self._namespace(attributes)):
                continue
            if not first and name not in self._again:
                continue
            if await self._call(webhook, attributes):
                self._see_again()
                self._changed = True
            if webhook["reinvocationPolicy"] == "IfNeeded":
                self._ran.add(name)
        self._left_as = copy.deepcopy(attributes.object)

    def _see_again(self) -> None:
        self._again |= self._ran
        self._ran = set()

    def _webhooks(self) -> Iterator[tuple[str, Object]]:
        for configuration in self._store.all(by_kind("MutatingWebhookConfiguration")):
            for webhook in configuration.get("webhooks") or []:
                yield f"{configuration['metadata']['name']}/{webhook['name']}", webhook

    def _namespace(self, attributes: Attributes) -> Object | None:
        return self._store.get((by_kind("Namespace"), "", attributes.target.namespace))

    async def _call(self, webhook: Object, attributes: Attributes) -> bool:
        """Whether it changed the object."""
        try:
            verdict = await call(webhook, attributes, self._services)
        except CallError as error:
            if webhook["failurePolicy"] == "Ignore":
                return False
            raise internal(str(error)) from error
        self.warnings += verdict.warnings
        if verdict.object is None or verdict.object == attributes.object:
            return False
        resource = attributes.target.resource
        list(unknown_fields(verdict.object, place(resource)))  # silently, as the server's decoder does
        if complaint := complaint_of(resource, verdict.object):
            raise internal(complaint)
        defaults.fill(resource, verdict.object)
        changed = verdict.object != attributes.object
        attributes.object = verdict.object
        return changed
