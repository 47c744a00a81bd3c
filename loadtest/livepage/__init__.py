"""What the live page costs and how it looks: an invented mesh of any size behind the real server.

`world` invents the frames, `server` serves them in a process of its own, `__main__` measures that process.
"""
