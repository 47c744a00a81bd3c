"""A node whose pods really throttle: CPU groups, and an API that speaks `pods/resize` as recorded."""

from loadtest.controlgroups import Missing
from loadtest.mesh.node.capacity import missing
from loadtest.mesh.node.enclosure import Enclosure, Throttling
from loadtest.mesh.node.node import Node, node
from loadtest.mesh.node.objects import Wanted

__all__ = ["Enclosure", "Missing", "Node", "Throttling", "Wanted", "missing", "node"]
