"""The rows of a task set from the hub: with the `datasets` library, or file by file where the definition names files.

Both honour the cache, HF_HUB_OFFLINE and HF_TOKEN. A data set that is a Python script is refused: qtui runs no code of data sets.
"""

from pathlib import Path
from typing import Any

from qtui.errors import UserError
from qtui.secrets.redaction import redact_message
from qtui.task_sets import rows
from qtui.task_sets.definition import Definition
from qtui.task_sets.rows import Rows
from qtui.tasks import hub
from qtui.tasks.table import Record

OWN_FILE = 'Download its file and name it: [tasks] path = "FILE".'


def from_hub(definition: Definition, split: str) -> Rows:
    """The rows of a split, downloaded or from the cache. Raises UserError with what to do."""
    source = definition.source
    if not (source.files or source.archive):
        return _with_library(definition, split)
    patterns = [source.archive] if source.archive else [pattern.replace("{split}", split) for pattern in source.files]
    folder = hub.snapshot(source.hub, patterns, source.revision)
    found = rows.from_path(definition, folder, split)
    return Rows(found.records, _address(definition, folder.name, split))


def _address(definition: Definition, commit: str, split: str) -> str:
    source = definition.source
    at = f"@{commit}" if commit else ""
    return " ".join(filter(None, [f"hf:{source.hub}{at}", source.config, split]))


def _with_library(definition: Definition, split: str) -> Rows:
    source = definition.source
    hub.library().utils.logging.set_verbosity_error()  # its warnings of each retry; the error at the end says enough
    try:
        import datasets
    except ModuleNotFoundError:
        raise UserError(
            f"{definition.name}: task sets of the hub need the package datasets, which is not installed: "
            "pip install 'qtui[engines]'. "
            f"{OWN_FILE}"
        ) from None
    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity_error()
    where = _address(definition, "", split)
    try:
        builder = datasets.load_dataset_builder(source.hub, source.config, revision=source.revision)
        builder.download_and_prepare()
        data = builder.as_dataset(split=split)
    except Exception as error:  # the library raises errors of many libraries, and each has a sentence for the user
        raise UserError(f"{where}: {_reason(error, split)}") from None
    # The library names its cached copy after the commit that it was made from.
    commit = str(getattr(builder, "hash", "") or "")
    records = tuple(Record(f"{where}: row {number}", row) for number, row in enumerate(_plain(data), start=1))
    return Rows(records, _address(definition, commit, split))


def _plain(data: Any) -> list[dict[str, Any]]:
    """The rows as plain values, without decoding media, which no task has."""
    found: list[dict[str, Any]] = data.with_format(None).to_list()
    return found


def _reason(error: Exception, split: str) -> str:
    """A library's error as a sentence."""
    kind, said = type(error).__name__, redact_message(str(error)).strip()
    first = said.splitlines()[0] if said else kind
    if "script" in said and isinstance(error, RuntimeError | ValueError):
        return f"is a Python script, and qtui runs no code of data sets. {OWN_FILE}"
    if kind == "GatedRepoError" or "gated" in said.casefold():
        return "accept its terms on the hub, then set HF_TOKEN"
    if kind == "DatasetNotFoundError":
        return f"no such data set on the hub (or it is private: set HF_TOKEN). {OWN_FILE}"
    if kind in (
        "OfflineModeIsEnabled",
        "LocalEntryNotFoundError",
        "ConnectionError",
        "ConnectTimeout",
        "ConnectError",
    ) or ("offline" in said.casefold() or "couldn't reach" in said.casefold()):
        return f"is not in the cache, and the hub cannot be reached (or HF_HUB_OFFLINE is set). {OWN_FILE}"
    if isinstance(error, ValueError) and "split" in said.casefold():
        return f"has no split {split} ({first})"
    return f"cannot be loaded: {first}"


def is_cached(definition: Definition, home: Path, datasets_home: Path) -> bool:
    """Whether something of the set is in the caches of the hub's libraries. Only names of folders are looked at."""
    owner, _, name = definition.source.hub.partition("/")
    snapshots = home / f"datasets--{owner}--{name}" / "snapshots"
    prepared = datasets_home / f"{owner}___{name.casefold()}"
    return any(_has_files(folder) for folder in (snapshots, prepared, datasets_home / f"{owner}___{name}"))


def _has_files(folder: Path) -> bool:
    try:
        return any(path.is_file() for path in folder.rglob("*"))
    except OSError:
        return False
