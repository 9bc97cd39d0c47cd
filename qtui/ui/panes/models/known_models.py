"""The models that the pane lists: those in the catalog, those with variants in the store, and GGUF files on this disk.

Pure, except for `gguf_files`, which reads a folder.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qtui import paths
from qtui.catalog import Entry
from qtui.run_progress import RunSummary, VariantProgress
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
    """Each name once: from the newest run that loaded it."""
    files: tuple[File, ...] = ()
    type_files: tuple[GgufFile, ...] = ()
    """Files that were quantized or measured on this machine, from the store."""
    jobs: tuple[QuantizationJob, ...] = ()
    """Quantization and measuring jobs of this model, the newest first."""

    @property
    def running_job(self) -> QuantizationJob | None:
        return next((each for each in self.jobs if each.state == "running"), None)

    @property
    def source(self) -> str:
        """Return the weights to quantize: those of the baseline, else of any variant, else the checkpoint on the hub; or empty."""
        for variant in sorted(self.variants, key=lambda variant: not variant.is_baseline):
            if variant.engine != "openai" and variant.weights:
                return variant.weights
        source = next((str(each.facts["source"]) for each in self.type_files if each.facts.get("source")), "")
        return source or (self.entry.hf_repo if self.entry else "")

    @property
    def parameters(self) -> int | None:
        """Return the number of weights as an engine counted them, else from the catalog."""
        counted = (v.facts.parameters for v in self.variants)
        return next((n for n in counted if n), self.entry.parameter_count if self.entry else None)

    @property
    def bytes_on_disk(self) -> int:
        return sum(file.bytes for file in self.files)


@dataclass(slots=True)
class _Collected:
    entry: Entry | None = None
    variants: dict[str, VariantProgress] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)


def known_models(
    entries: Iterable[Entry],
    runs: Sequence[RunSummary],
    files: Iterable[File],
    type_files: Sequence[GgufFile] = (),
    jobs: Sequence[QuantizationJob] = (),
) -> list[KnownModel]:
    """Return models with variants (newest run first), then with quantized files, then the rest of the catalog, then other files."""
    collected: dict[str, _Collected] = {}
    by_name = {entry.name.casefold(): entry for entry in entries}
    for run in runs:
        for variant in run.variants:
            model = collected.setdefault(variant.model, _Collected(_entry_of(variant.model, by_name)))
            former = model.variants.get(variant.name)
            if former is None or (not variant.facts.is_empty and former.facts.is_empty):
                model.variants[variant.name] = variant
    for name in dict.fromkeys([*(each.model for each in jobs), *(each.model for each in type_files)]):
        collected.setdefault(_listed_name(name, collected), _Collected(_entry_of(name, by_name)))
    entries_with_models = {model.entry.name for model in collected.values() if model.entry}
    for entry in by_name.values():
        if entry.name not in entries_with_models:
            collected.setdefault(entry.name, _Collected(entry))
    in_store = {each.path for each in type_files}
    for file in files:
        if file.path in in_store:
            continue
        collected.setdefault(_owner(file, collected) or OTHER_FILES, _Collected()).files.append(file)
    return [
        KnownModel(
            name,
            f.entry,
            tuple(f.variants.values()),
            tuple(f.files),
            tuple(each for each in type_files if _listed_name(each.model, collected) == name),
            tuple(each for each in jobs if _listed_name(each.model, collected) == name),
        )
        for name, f in collected.items()
    ]


def gguf_files() -> list[File]:
    """Return the GGUF files in the cache, converted or quantized here. Reads the disk: do not call on the event loop."""
    files = []
    for path in sorted((paths.cache() / "gguf").glob("**/*.gguf")):
        try:
            files.append(File(path, path.stat().st_size))
        except OSError:
            # Another process may delete the file between glob and stat.
            continue
    return files


def bits_per_weight(variant: VariantProgress, parameters: int | None) -> float | None:
    """Return bits per weight, from the tensors' size if the engine reported it, else from the file's size."""
    size = variant.facts.tensor_bytes or variant.facts.file_bytes
    return size * 8 / parameters if size and parameters else None


def _entry_of(model: str, by_name: dict[str, Entry]) -> Entry | None:
    """Return the catalog entry of a model name, or of a hub id or folder that ends with the name."""
    return by_name.get(model.casefold()) or by_name.get(model.rsplit("/", 1)[-1].casefold())


def _listed_name(model: str, collected: dict[str, _Collected]) -> str:
    """Return the listed name that equals `model` without owner and case, else `model`."""
    short = model.rsplit("/", 1)[-1].casefold()
    return next((name for name in collected if short in (name.casefold(), name.rsplit("/", 1)[-1].casefold())), model)


def _owner(file: File, collected: dict[str, _Collected]) -> str | None:
    """Return the model that ran this file, or another file beside it; else the one whose name begins the file's; else None."""
    for name, model in collected.items():
        paths_used = [Path(v.facts.weights_path or "") for v in model.variants.values()]
        if any(path == file.path or path.parent == file.path.parent for path in paths_used):
            return name
    stem = file.path.stem.casefold()
    return next((name for name in collected if stem.startswith(name.rsplit("/", 1)[-1].casefold())), None)
