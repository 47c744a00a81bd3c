"""Lists of ports and ranges, as `equilibrium-init` and the sidecar take them: `5432,9000-9010`."""

from sidecar import parsing
from sidecar.parsing import ParseError, unfit

_ALLOWED = "ports 1..65535 and ranges such as 9000-9010, separated by commas"


def parse_ranges(text: str) -> str:
    """The list without white space. Raises ParseError, which names every wrong item."""
    return ",".join(parsing.parse_list(_parse_range)(text))


def parse_opaque(text: str) -> str:
    """The same, or `none`, which takes away the sidecar's own list."""
    return text if text == "none" else parse_ranges(text)


def _parse_range(text: str) -> str:
    first, dash, last = text.partition("-")
    try:
        low = parsing.parse_port(first)
        high = parsing.parse_port(last) if dash else low
    except ParseError:
        raise unfit("not a port or a range", _ALLOWED) from None
    if high < low:
        raise unfit("a range that ends before it begins", _ALLOWED)
    return f"{low}-{high}" if dash else str(low)
