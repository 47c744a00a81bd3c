"""Values that an OpenAPI schema allows, as hypothesis strategies; small, and smaller the deeper they are nested."""

from typing import Any

from hypothesis import strategies as st

from tests.support import openapi

Json = dict[str, Any]

CORE = "io.k8s.api.core.v1."
_REF = "#/components/schemas/"
_DEPTH = 3

NAMES = st.text("abcdxyz", min_size=1, max_size=5)
TEXTS = st.text('abc/~.-_ $(){}"é', max_size=8)
KEYS = st.sampled_from(["app", "a/b", "a~b", "a~1b/c", "example.com/x~0y", "team", "version"])
PORT_NAMES = ["http", "web", "grpc", "db", "metrics-x"]
PORTS = st.sampled_from([80, 443, 5432, 8080, 8888, 9000, 9001])


def from_schema(schema: Json, depth: int = _DEPTH) -> st.SearchStrategy[Any]:
    """Anything the schema allows; objects and lists get smaller the deeper they are."""
    if "$ref" in schema:
        return _component(schema["$ref"].removeprefix(_REF), depth)
    if "allOf" in schema:
        return from_schema(schema["allOf"][0], depth)
    kind = schema.get("type")
    if kind == "string":
        return _text(schema)
    if kind == "array":
        return st.lists(
            st.deferred(lambda: from_schema(schema["items"], depth - 1)), max_size=max(depth, 0) and 2
        )
    if kind != "object":
        return {"boolean": st.booleans(), "integer": st.integers(0, 2000)}.get(kind, st.floats(0, 9))
    if "properties" in schema:
        return _object(schema, depth)
    values = schema.get("additionalProperties")
    return st.dictionaries(KEYS, from_schema(values, depth - 1), max_size=2) if values else st.just({})


def _component(name: str, depth: int) -> st.SearchStrategy[Any]:
    if name.endswith("Quantity"):
        return st.sampled_from(["1", "100m", "64Mi", "1e3", 2])
    if name.endswith("IntOrString"):
        return st.one_of(PORTS, st.sampled_from(PORT_NAMES))
    return from_schema(openapi.components()[name], depth)


def _text(schema: Json) -> st.SearchStrategy[str]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    known = {"date-time": st.just("2026-11-20T23:43:29Z"), "byte": st.sampled_from(["", "YQ=="])}
    return known.get(schema.get("format", ""), TEXTS)


@st.composite
def _object(draw: st.DrawFn, schema: Json, depth: int, leave: frozenset[str] = frozenset()) -> Json:
    properties = schema["properties"]
    optional = sorted(set(properties) - set(schema.get("required", ())) - leave)
    most = min(max(depth, 0), len(optional))
    chosen = draw(st.lists(st.sampled_from(optional), max_size=most, unique=True)) if most else []
    required = [name for name in schema.get("required", ()) if name not in leave]
    return {name: draw(from_schema(properties[name], depth - 1)) for name in (*required, *chosen)}


@st.composite
def usually(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]]) -> Json:
    """Each of the fields in two of three objects: drawing a list of them would mostly draw short ones."""
    return {name: draw(value) for name, value in fields.items() if draw(st.sampled_from([True, True, False]))}


def some_of(name: str, leave: frozenset[str], most: int) -> st.SearchStrategy[Json]:
    """A few fields of a component, except those that are drawn elsewhere with more sense."""
    return _object(openapi.components()[name], most, leave)
