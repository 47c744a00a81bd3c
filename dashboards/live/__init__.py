"""The live page: static files, and the frames it is fed by."""
