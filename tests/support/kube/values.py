"""What the parts of a match condition evaluate to: paths into the variables, relations, and logic that absorbs
errors as CEL does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Variables = Mapping[str, Any]
Value = Callable[[Variables], Any]


class EvaluationError(Exception):
    """The expression has no value for this object: `no such key: annotations`."""


@dataclass(frozen=True)
class Path:
    """A place in a variable; `dotted` when the last step is a field, which `has` can ask for."""

    root: str
    steps: tuple[Value, ...]
    dotted: bool

    def __call__(self, variables: Variables) -> Any:
        return self._walk(self.steps, variables)

    def present(self, variables: Variables) -> bool:
        """Whether the last field is there; those before it have to be."""
        owner = self._walk(self.steps[:-1], variables)
        if not isinstance(owner, dict):
            raise EvaluationError("no such overload: has")
        return self.steps[-1](variables) in owner

    def _walk(self, steps: tuple[Value, ...], variables: Variables) -> Any:
        inside = variables[self.root]
        for step in steps:
            key = step(variables)
            is_item = isinstance(inside, list) and isinstance(key, int) and key < len(inside)
            if not is_item and not (isinstance(inside, dict) and key in inside):
                raise EvaluationError(f"no such key: {key}")
            inside = inside[key]
        return inside


def constant(name: str) -> Value:
    return lambda variables: name


def relation(operator: str, left: Value, right: Value) -> Value:
    if operator == "in":
        return lambda variables: left(variables) in _container(right(variables))
    return lambda variables: (left(variables) == right(variables)) == (operator == "==")


def _container(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise EvaluationError("no such overload: in")
    return value


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise EvaluationError("no such overload")
    return value


def either(left: Value, right: Value, *, decisive: bool) -> Value:
    """`||` (decisive: True) and `&&` (False): one decisive side decides, even beside an error."""

    def evaluate(variables: Variables) -> bool:
        failure: EvaluationError | None = None
        for side in (left, right):
            try:
                if boolean(side(variables)) is decisive:
                    return decisive
            except EvaluationError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return not decisive

    return evaluate
