"""UrbanMoveMS as a mesh of local processes: every pod an application and a sidecar on an address of its own."""

from loadtest.mesh.admin import AnswerError
from loadtest.mesh.mesh import Mesh
from loadtest.mesh.plan import MeshPlan
from loadtest.mesh.pod import Pod

__all__ = ["AnswerError", "Mesh", "MeshPlan", "Pod"]
