"""The demo: UrbanMoveMS on a laptop, four ways for one pod to go bad, three ways to route around it.

`chapters` says what happens when, `play` makes it happen, `recording` is what was seen; `windows`, `claims`,
`verdict`, `charts` and `report` turn that into figures without touching a socket. `screen` shows it live.
"""
