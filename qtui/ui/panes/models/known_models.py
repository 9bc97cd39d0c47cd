"""The models that qtui can say something of: those of the catalog, those with variants in the store, files on this disk.

Pure but for the one function that looks at the folder of made GGUF files.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qtui import paths
from qtui.catalog import Entry
from qtui.records import RunSummary, VariantProgress
from qtui.store.quantization_jobs import GgufFile, QuantizationJob

OTHER_FILES = "(other files)"


@dataclass(frozen=True, slots=True)
class File:
    path: Path
    bytes: int


@dataclass(frozen=True, slots=True)
class KnownModel:
    name: str
    entry: Entry | None
    variants: tuple[VariantProgress, ...] = ()
    """Each name once: as the newest run had it that got as far as loading it."""
    files: tuple[File, ...] = ()
    made: tuple[GgufFile, ...] = ()
    """What was quantized or measured on this machine, as the store knows it."""
    work: tuple[QuantizationJob, ...] = ()
    """Quantizing and measuring of this model, the newest first."""

    @property
    def working(self) -> QuantizationJob | None:
        return next((each for each in self.work if each.state == "running"), None)

    @property
    def source(self) -> str:
        """What its types are made of: the weights of its baseline, else of any variant, else the checkpoint on the hub."""
        for variant in sorted(self.variants, key=lambda variant: not variant.is_baseline):
            if variant.engine != "openai" and variant.weights:
                return variant.weights
        made_of = next((str(each.facts["source"]) for each in self.made if each.facts.get("source")), "")
        return made_of or (self.entry.hf_repo if self.entry else "")

    @property
    def parameters(self) -> int | None:
        """How many weights, as an engine counted them, else as the catalog says."""
        counted = (v.facts.parameters for v in self.variants)
        return next((n for n in counted if n), self.entry.parameter_count if self.entry else None)

    @property
    def bytes_on_disk(self) -> int:
        return sum(file.bytes for file in self.files)


@dataclass(slots=True)
class _Found:
    entry: Entry | None = None
    variants: dict[str, VariantProgress] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)


def known_models(
    entries: Iterable[Entry],
    runs: Sequence[RunSummary],
    files: Iterable[File],
    made: Sequence[GgufFile] = (),
    work: Sequence[QuantizationJob] = (),
) -> list[KnownModel]:
    """Models with variants first (newest run first), those that something was made of, the rest of the catalog, other files."""
    found: dict[str, _Found] = {}
    by_name = {entry.name.casefold(): entry for entry in entries}
    for run in runs:
        for variant in run.variants:
            model = found.setdefault(variant.model, _Found(_entry_of(variant.model, by_name)))
            known = model.variants.get(variant.name)
            if known is None or (not variant.facts.is_empty and known.facts.is_empty):
                model.variants[variant.name] = variant
    for name in dict.fromkeys([*(each.model for each in work), *(each.model for each in made)]):
        found.setdefault(_known_as(name, found), _Found(_entry_of(name, by_name)))
    taken = {model.entry.name for model in found.values() if model.entry}
    for entry in by_name.values():
        if entry.name not in taken:
            found.setdefault(entry.name, _Found(entry))
    in_store = {each.path for each in made}
    for file in files:
        if file.path in in_store:
            continue
        found.setdefault(_owner(file, found) or OTHER_FILES, _Found()).files.append(file)
    return [
        KnownModel(
            name,
            f.entry,
            tuple(f.variants.values()),
            tuple(f.files),
            tuple(each for each in made if _known_as(each.model, found) == name),
            tuple(each for each in work if _known_as(each.model, found) == name),
        )
        for name, f in found.items()
    ]


def made_files() -> list[File]:
    """GGUF files that were converted and quantized here, which are kept in the cache. Asks the disk: not on the event loop."""
    found = []
    for path in sorted((paths.cache() / "gguf").glob("**/*.gguf")):
        try:
            found.append(File(path, path.stat().st_size))
        except OSError:
            # Another process may take it away between the two looks.
            continue
    return found


def bits_per_weight(variant: VariantProgress, parameters: int | None) -> float | None:
    """Of the tensors where the engine said their size, else of the file with all that is in it."""
    size = variant.facts.tensor_bytes or variant.facts.file_bytes
    return size * 8 / parameters if size and parameters else None


def _entry_of(model: str, by_name: dict[str, Entry]) -> Entry | None:
    """The catalog's entry of a name as runs have it: the entry's own, or a hub id or folder that ends with it."""
    return by_name.get(model.casefold()) or by_name.get(model.rsplit("/", 1)[-1].casefold())


def _known_as(model: str, found: dict[str, _Found]) -> str:
    """The name here of a model that the command line may have been given with its owner or in other letters."""
    short = model.rsplit("/", 1)[-1].casefold()
    return next((name for name in found if short in (name.casefold(), name.rsplit("/", 1)[-1].casefold())), model)


def _owner(file: File, found: dict[str, _Found]) -> str | None:
    """The model that ran this file, or another type made of the same weights."""
    for name, model in found.items():
        paths_used = [Path(v.facts.weights_path or "") for v in model.variants.values()]
        if any(path == file.path or path.parent == file.path.parent for path in paths_used):
            return name
    stem = file.path.stem.casefold()
    return next((name for name in found if stem.startswith(name.rsplit("/", 1)[-1].casefold())), None)
