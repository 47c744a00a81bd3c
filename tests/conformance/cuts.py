"""Where to cut a message in two: everywhere when it is small, around its structure when it is not."""

import re

SMALL = 1024
MOST = 64
_STRUCTURE = re.compile(rb"\r\n|[:;]")


def cuts(raw: bytes) -> list[int]:
    """Positions strictly inside `raw`."""
    if len(raw) <= SMALL:
        return list(range(1, len(raw)))
    around = {
        at for match in _STRUCTURE.finditer(raw) for at in (match.start(), match.start() + 1, match.end())
    }
    blocks = {size + off for size in (4096, 16_384, 65_536) for off in (-1, 0, 1)}
    inside = sorted(at for at in around | blocks | {len(raw) // 2} if 0 < at < len(raw))
    if len(inside) <= MOST:
        return inside
    third = MOST // 4
    spread = inside[third:-third]
    return [*inside[:third], *spread[:: max(1, len(spread) // (2 * third))], *inside[-third:]]
