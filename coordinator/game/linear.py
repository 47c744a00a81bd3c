"""Linear programs over probability distributions, solved exactly: HiGHS finds the vertex, linear algebra its
coordinates.

least costs · x   with   rows · x ≤ 0,  x ≥ 0,  Σx = 1   (and, last, columns that are unbounded and not in the sum).

A simplex solver stops within its tolerance of the optimum. Its *basis*, though, is exact: it says which rows
hold with equality and which columns are not zero. Solving that square system again puts the vertex at rounding
error, which is what values to 1e-9 need. Rows may be added between solutions (the last basis starts the next
one).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Indices = NDArray[np.int32]

TOLERANCE: Final = 1e-10
"""The least HiGHS allows."""
_PATIENCE: Final = 10
"""Iterations for each row and column."""
_MOST_EXACT: Final = 1500
"""Equations that are solved again; above it the solver's own answer stands (its tolerance is 1e-10)."""


class Infeasible(Exception):
    """No distribution satisfies all that is asked. The message says what stands against it."""


class OutOfTime(Exception):
    """The solver was not done within the time it was given."""


class Program:
    """Columns: x, then `free` unbounded ones. Scale costs and rows to about 1: the tolerances are absolute.

    `limit_s`: seconds that all its solutions may take together, by the solver's own clock."""

    def __init__(self, costs: Vector, free: int = 0, limit_s: float = float("inf")) -> None:
        import highspy

        self.costs = costs
        self._drawn = len(costs) - free
        self._rows: list[tuple[Indices, Vector]] = []
        self._solver = solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in (_OPTIONS | {"time_limit": max(limit_s, 0.0)}).items():
            solver.setOptionValue(name, value)
        lower = np.zeros(len(costs))
        lower[self._drawn :] = -highspy.kHighsInf
        upper = np.full(len(costs), highspy.kHighsInf)
        none, nothing = np.zeros(0, dtype=np.int32), np.zeros(0)
        solver.addCols(len(costs), costs, lower, upper, 0, none, none, nothing)
        solver.addRow(1.0, 1.0, self._drawn, np.arange(self._drawn, dtype=np.int32), np.ones(self._drawn))

    @property
    def rows(self) -> int:
        """Beside the sum."""
        return len(self._rows)

    @property
    def spent_s(self) -> float:
        """On all solutions so far."""
        return float(self._solver.getRunTime())

    def add(self, rows: list[tuple[Indices, Vector]]) -> None:
        """Each row by its columns and their values: Σ ≤ 0."""
        if not rows:
            return
        import highspy

        starts = np.cumsum([0, *(len(columns) for columns, _ in rows[:-1])]).astype(np.int32)
        columns = np.concatenate([columns for columns, _ in rows]).astype(np.int32)
        values = np.concatenate([values for _, values in rows])
        lower = np.full(len(rows), -highspy.kHighsInf)
        self._solver.addRows(len(rows), lower, np.zeros(len(rows)), len(values), starts, columns, values)
        self._rows += rows

    def solve(self) -> Vector:
        """All columns: x ≥ 0 with sum 1, then the free ones. Raises Infeasible, without saying why: the caller knows
        what its rows mean; and OutOfTime."""
        self._run()
        raw = np.array(self._solver.getSolution().col_value)
        exact = self._vertex()
        found = raw if exact is None or self._violation(exact) > self._violation(raw) else exact
        found[: self._drawn] = np.clip(found[: self._drawn], 0.0, None)
        found[: self._drawn] /= found[: self._drawn].sum()
        return found

    def _run(self) -> None:
        """At the finest tolerance a degenerate program can go round in circles: then from the beginning, more
        coarsely. What that costs in exactness, the certificate shows."""
        import highspy

        solver, statuses = self._solver, highspy.HighsModelStatus
        for tolerance in (TOLERANCE, 1e-9, 1e-8, 1e-7):
            for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
                solver.setOptionValue(name, tolerance)
            solver.setOptionValue("simplex_iteration_limit", _PATIENCE * (len(self.costs) + self.rows + 100))
            solver.run()
            status = solver.getModelStatus()
            if status == statuses.kOptimal:
                return
            if status == statuses.kInfeasible:
                raise Infeasible
            if status == statuses.kTimeLimit:
                raise OutOfTime(f"{self.rows} rows of {len(self.costs)} columns in {self.spent_s:.3g} s")
            solver.clearSolver()
        raise ArithmeticError(f"HiGHS: {solver.modelStatusToString(status)}")

    def _vertex(self) -> Vector | None:
        """The basic solution of the solver's basis; None where it is too large or singular."""
        import highspy

        basis, basic = self._solver.getBasis(), highspy.HighsBasisStatus.kBasic
        columns = np.flatnonzero([status == basic for status in basis.col_status])
        active = [row for row, status in enumerate(basis.row_status) if status != basic]
        if len(columns) > _MOST_EXACT or len(columns) != len(active) or 0 not in active:
            return None
        matrix = self._system(active, columns)
        right = np.zeros(len(active))
        right[active.index(0)] = 1.0
        try:
            solved = np.linalg.solve(matrix, right)
            solved -= np.linalg.solve(matrix, matrix @ solved - right)
        except np.linalg.LinAlgError:
            return None
        exact = np.zeros(len(self.costs))
        exact[columns] = solved
        return exact if np.all(np.isfinite(solved)) else None

    def _system(self, active: list[int], columns: NDArray[np.intp]) -> Vector:
        place = np.full(len(self.costs), -1)
        place[columns] = np.arange(len(columns))
        matrix = np.zeros((len(active), len(columns)))
        for line, row in zip(matrix, active, strict=True):
            if row == 0:
                line[:] = columns < self._drawn
            else:
                where, values = self._rows[row - 1]
                there = place[where] >= 0
                line[place[where[there]]] = values[there]
        return matrix

    def _violation(self, x: Vector) -> float:
        """The worst of all that x should not do."""
        drawn = x[: self._drawn]
        broken = (float(values @ x[where]) for where, values in self._rows)
        return max(abs(float(drawn.sum()) - 1.0), -float(drawn.min()), max(broken, default=0.0))


_OPTIONS: Final[dict[str, bool | int | float | str]] = {
    "output_flag": False,
    "threads": 1,  # the same answer every time
    "solver": "simplex",
    "small_matrix_value": 1e-12,
}
