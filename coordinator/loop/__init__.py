"""The loop: Observe (Discover, Demand) → Calculate (Solve, Guardrail) → Negotiate → Act (Patch), every few seconds.

One file a phase; `coordinator.record` is what a cycle leaves behind, `cycle` is one turn, `schedule` is when.
"""
