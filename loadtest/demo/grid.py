"""Small multiples as one Plotly figure, written as plain values: panels in rows, chaos as shaded bands. Pure.

Plain dictionaries are all plotly.js reads; its Python classes would add a second of start-up and no types.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Plain = dict[str, Any]

GAP_PX = 62
TOP_PX = 96
BOTTOM_PX = 40
COLUMN_GAP = 0.06
TITLE_PX = 4
FIRST_TITLE_PX = 66
"""The first panel's title stands above the bands' labels."""
INK = "#1f2933"
GRID = "#e4e7eb"
BAD = "rgba(214, 69, 65, 0.16)"
EDGE = "#d64541"


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch in which something was broken, seconds from the start of the arm."""

    from_s: float
    to_s: float
    label: str
    service: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: traces without their axes, y axis settings, the service it is about (None: all)."""

    title: str
    traces: Sequence[Plain]
    yaxis: Plain = field(default_factory=dict)
    service: str | None = None
    filled: bool = False
    """Areas hide what is behind them: the band is drawn on top, as an outline."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side."""

    panels: Sequence[Panel]
    height_px: int = 150


def figure(rows: Sequence[Row], bands: Sequence[Band], to_s: float) -> Plain:
    """`data` and `layout` for `Plotly.newPlot`; the bands' labels stand above the first row."""
    height_px = TOP_PX + BOTTOM_PX + sum(row.height_px for row in rows) + GAP_PX * (len(rows) - 1)
    made = _Figure(bands, to_s, height_px)
    for row in rows:
        made.add(row)
    made.label()
    return {"data": made.data, "layout": made.layout()}


class _Figure:
    """A figure being built, from the top down."""

    def __init__(self, bands: Sequence[Band], to_s: float, height_px: int) -> None:
        self.data: list[Plain] = []
        self._bands = bands
        self._to_s = to_s
        self._height_px = height_px
        self._inner_px = height_px - TOP_PX - BOTTOM_PX
        self._at_px = 0
        self._axes: Plain = {}
        self._shapes: list[Plain] = []
        self._notes: list[Plain] = []
        self._panels = 0

    def add(self, row: Row) -> None:
        """One row below the last."""
        top = 1 - self._at_px / self._inner_px
        bottom = max(0.0, top - row.height_px / self._inner_px)
        self._at_px += row.height_px + GAP_PX
        width = (1 - COLUMN_GAP * (len(row.panels) - 1)) / len(row.panels)
        for place, panel in enumerate(row.panels):
            left = place * (width + COLUMN_GAP)
            self._panel(panel, [left, min(1.0, left + width)], [bottom, top])

    def _panel(self, panel: Panel, across: list[float], up: list[float]) -> None:
        self._panels += 1
        number = "" if self._panels == 1 else str(self._panels)
        x, y = f"x{number}", f"y{number}"
        self.data += [{**trace, "xaxis": x, "yaxis": y} for trace in panel.traces]
        self._axes[f"xaxis{number}"] = {
            "domain": across,
            "anchor": y,
            "range": [0, self._to_s],
            "ticksuffix": " s",
            "ticklabelstandoff": 4,
            "gridcolor": GRID,
            "zeroline": False,
            **({"matches": "x"} if number else {}),
        }
        self._axes[f"yaxis{number}"] = {
            "domain": up,
            "anchor": x,
            "ticklabelstandoff": 4,
            "gridcolor": GRID,
            "zeroline": False,
            **panel.yaxis,
        }
        concerned = [band for band in self._bands if panel.service in (None, band.service)]
        self._shapes += [_shape(band, x, y, filled=panel.filled) for band in concerned]
        self._notes.append(
            _title(panel.title, across[0], up[1], TITLE_PX if self._panels > 1 else FIRST_TITLE_PX)
        )

    def label(self) -> None:
        """Name the bands above the first panel."""
        for band in self._bands:
            self._notes.append(
                {
                    "text": f"<b>{band.label}</b>",
                    "x": (band.from_s + band.to_s) / 2,
                    "xref": "x",
                    "y": 1,
                    "yref": "y domain",
                    "yanchor": "bottom",
                    "showarrow": False,
                    "font": {"size": 11, "color": "#b42318"},
                }
            )

    def layout(self) -> Plain:
        """Everything but the traces."""
        return {
            "height": self._height_px,
            "margin": {"l": 56, "r": 16, "t": TOP_PX, "b": BOTTOM_PX},
            "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
            "paper_bgcolor": "#fff",
            "plot_bgcolor": "#fff",
            "hovermode": "x unified",
            "showlegend": False,
            "shapes": self._shapes,
            "annotations": self._notes,
            **self._axes,
        }


def _shape(band: Band, x: str, y: str, *, filled: bool) -> Plain:
    return {
        "type": "rect",
        "layer": "above" if filled else "below",
        "xref": x,
        "x0": band.from_s,
        "x1": band.to_s,
        "yref": f"{y} domain",
        "y0": 0,
        "y1": 1,
        "fillcolor": "rgba(0, 0, 0, 0)" if filled else BAD,
        "line": {"width": 2, "color": EDGE, "dash": "dot"} if filled else {"width": 1, "color": "#fff"},
    }


def _title(text: str, left: float, top: float, above_px: int) -> Plain:
    return {
        "text": text,
        "x": left,
        "xref": "paper",
        "xanchor": "left",
        "y": top,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": above_px,
        "showarrow": False,
        "font": {"size": 13, "color": INK},
    }
