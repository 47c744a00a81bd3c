"""Which routes go from here to there: every stop of every route is looked at, for every search.

That is how the original does it (and reads each from the database), which makes this the heavy endpoint.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.urbanmove.city import Route, Stop

WALK_KM = 1.5
KM_PER_DEG = 111.2

Place = tuple[float, float]
"""Latitude and longitude, degrees."""


@dataclass(frozen=True, slots=True)
class Ride:
    """One way to travel."""

    route: Route
    origin: Stop
    destination: Stop

    @property
    def stops(self) -> int:
        """How many stops it takes."""
        return self.destination.order - self.origin.order


def between(start: Place, end: Place, routes: Iterable[Route]) -> list[Ride]:
    """Rides with both ends in walking distance, in the direction of travel, shortest first."""
    rides = []
    for route in routes:
        origin, destination = _nearest(start, route), _nearest(end, route)
        if origin and destination and origin.order < destination.order:
            rides.append(Ride(route, origin, destination))
    return sorted(rides, key=lambda ride: ride.stops)


def _nearest(place: Place, route: Route) -> Stop | None:
    """The nearest stop in walking distance; distances on a plane, exact enough across one city."""
    latitude, longitude = place
    narrow = math.cos(math.radians(latitude))
    best, best_deg = None, (WALK_KM / KM_PER_DEG) ** 2
    for stop in route.stops:
        north, east = stop.latitude - latitude, (stop.longitude - longitude) * narrow
        away_deg = north * north + east * east
        if away_deg <= best_deg:
            best, best_deg = stop, away_deg
    return best
