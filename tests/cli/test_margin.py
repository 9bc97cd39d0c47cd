"""The margin of config.toml is the margin of the commands, unless one is given."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from qtui import paths
from qtui.cli import cli
from tests.filled_store import fill


@pytest.mark.parametrize(("arguments", "margin"), [((), 0.35), (("--margin", "0.1"), 0.1)])
def test_margin_of_the_configuration_holds_unless_one_is_given(
    tmp_path: Path, arguments: tuple[str, ...], margin: float
) -> None:
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text("margin = 0.35\n")
    fill(tmp_path / "s.sqlite", "e")
    done = CliRunner().invoke(cli, ["scores", "--json", "--store", str(tmp_path / "s.sqlite"), *arguments])
    assert json.loads(done.stdout)["pairs"][0]["margin"] == margin
