"""Sources of endpoints, against real files and a real name server."""
