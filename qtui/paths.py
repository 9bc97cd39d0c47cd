"""The paths of qtui's files and folders. Folders follow the platform's conventions (XDG on Linux).

`data/` and `themes/` are beside the package in a checkout and inside it in an installed wheel.
"""

import os
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).parent
APP = "qtui"


def _shipped(name: str) -> Path:
    installed = PACKAGE / "_data" / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def data() -> Path:
    """The catalog, task sets, prompts, published figures and the demo model that come with qtui."""
    return _shipped("data")


def themes() -> Path:
    return _shipped("themes")


def demo_model() -> Path:
    return data() / "demo"


def user_data() -> Path:
    return Path(platformdirs.user_data_dir(APP))


def user_config() -> Path:
    return Path(platformdirs.user_config_dir(APP))


def config_file() -> Path:
    return user_config() / "config.toml"


def user_themes() -> Path:
    return user_config() / "themes"


def user_catalog() -> Path:
    """The user's catalog, in the format of data/models.toml."""
    return user_config() / "models.toml"


def cache() -> Path:
    """The folder of files that can be computed again: quantized files, fingerprints."""
    return Path(platformdirs.user_cache_dir(APP))


def logs() -> Path:
    return Path(platformdirs.user_state_dir(APP)) / "logs"


def run_log(run_id: int) -> Path:
    """The log of a run's runner. The logs of its workers are beside it."""
    return logs() / f"run-{run_id}.log"


def default_store() -> Path:
    """`$QTUI_STORE` as it is written (a `~` is resolved by whoever opens it), else `store.sqlite` in the user's data folder."""
    named = os.environ.get("QTUI_STORE")
    return Path(named) if named else user_data() / "store.sqlite"
