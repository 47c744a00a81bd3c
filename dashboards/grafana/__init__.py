"""Grafana dashboards: panels as tables of Python, written as importable JSON beside them."""
