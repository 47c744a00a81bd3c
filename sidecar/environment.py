"""Programs are configured by their environment only: a table of variables, from which reading and `--help` are made.

The mapping is given, never looked up, and all mistakes are reported at once. Values of variables nobody knows are not
repeated in messages: one of them may be a secret under a mistyped name. Nor are passwords that stand in a URL.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar import contract, parsing
from sidecar.errors import ConfigError
from sidecar.parsing import ParseError


def without_credentials(text: str) -> str:
    """A URL as it may be shown: without what stands before its host, which may be a password.

    Up to the last `@`, and without a scheme too: this is for what is wrong, and why may be the password itself.
    """
    before, at, rest = text.rpartition("@")
    scheme, is_url, _ = before.partition("://")
    if not at or not (is_url or ":" in before):
        return text
    return f"{scheme}://…@{rest}" if is_url else f"…@{rest}"


@dataclass(frozen=True, slots=True)
class Variable:
    """One row: `parse` turns text into the field of the same name."""

    field: str
    default: str
    """As it would be written; empty: unset, and the field becomes `unset`."""
    takes: str
    meaning: str
    parse: Callable[[str], Any]
    unset: Any = None
    secret: bool = False
    prefix: str = contract.ENV_PREFIX

    @property
    def name(self) -> str:
        """As the environment has it."""
        return self.prefix + self.field.upper()


@dataclass(frozen=True, slots=True)
class Table:
    """All variables of one program, in the order of its `--help`; those that begin with `prefix` are its own."""

    program: str
    prefix: str
    variables: tuple[Variable, ...]

    def read(
        self,
        environ: Mapping[str, str],
        contradictions: Callable[[Mapping[str, Any]], list[str]] = lambda _: [],
    ) -> dict[str, Any]:
        """Field → value. Raises ConfigError with every mistake. A variable that is set to nothing counts as unset.

        `contradictions`: what is right one by one and wrong together; asked when nothing else is wrong.
        """
        mistakes = self._strangers(environ)
        values: dict[str, Any] = {}
        for variable in self.variables:
            text = environ.get(variable.name, "") or variable.default
            try:
                values[variable.field] = variable.parse(text) if text else variable.unset
            except ParseError as error:
                public = without_credentials(text)
                shown = "(hidden)" if variable.secret else repr(public)
                said = [str(flaw).replace(repr(text), repr(public)) for flaw in error.flaws]
                mistakes += [f"{variable.name}={shown}: {each}" for each in said]
        if mistakes := mistakes or contradictions(values):
            raise ConfigError(mistakes)
        return values

    def help_text(self) -> str:
        """Every variable with its default, what it takes and what it does."""
        lines = [f"{self.program} is configured by its environment only:", ""]
        for variable in self.variables:
            lines.append(f"{variable.name} (default: {variable.default or 'unset'})")
            lines.append(f"    {variable.meaning}")
            lines.append(f"    {variable.takes}")
        return "\n".join(lines)

    def _strangers(self, environ: Mapping[str, str]) -> list[str]:
        known = [variable.name for variable in self.variables]
        strange = sorted(name for name in environ if name.startswith(self.prefix) and name not in known)
        return [
            f"{name}: no such variable{parsing.suggestion(name, known)}; allowed: those of --help"
            for name in strange
            if not self._of_kubernetes(name, environ[name])
        ]

    def _of_kubernetes(self, name: str, value: str) -> bool:
        """Set in every container for Services of the namespace, one of which may be called equilibrium-…"""
        service = rf"{self.prefix}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\w+)"
        if re.fullmatch(service, name):
            return True
        # `EQUILIBRIUM_ADMIN_PORT=15490` is a person's mistake; Kubernetes' own says tcp://10.0.0.1:15490.
        return bool(re.fullmatch(rf"{self.prefix}(\w+_)?PORT", name)) and "://" in value
