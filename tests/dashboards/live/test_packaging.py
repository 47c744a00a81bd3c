"""What is installed and what an image holds has the page's files."""

import tomllib
from pathlib import Path

from dashboards.live.assets import assets

ROOT = Path(__file__).parents[3]


def test_every_file_of_the_page_is_package_data() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["dashboards.live"]
    files = [each.name for each in (ROOT / "dashboards/live").iterdir() if each.suffix not in (".py", "")]
    assert {"*" + Path(name).suffix for name in files} == set(patterns)
    assert set(files) == set(assets())


def test_images_are_built_with_the_dashboards() -> None:
    assert "COPY dashboards dashboards" in (ROOT / "deploy/Dockerfile").read_text().splitlines()
