"""Which files of a checkpoint hold its weights: those that transformers reads, for every engine and for downloads alike.

A folder often has more: the same weights in their maker's own format (`consolidated.safetensors`), adapters, optimizers, a second
index. Read or converted, they would make another model; downloaded, they would cost hours for nothing.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

from qtui.engines.weights.json_file import parse_object
from qtui.errors import UserError

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_ORDER = (WHOLE, INDEX, "pytorch_model.bin", "pytorch_model.bin.index.json")
"""The names that transformers looks for; the first that exists decides."""
_IS_INDEX = ".index.json"
_SHARD = re.compile(r"^(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.[a-z]+)$")
_NO_WEIGHTS = re.compile(r"^(adapter|optimizer|scheduler|training_args|rng_state|scaler|random_states|trainer)", re.I)
_ADAPTER = "adapter_model"
_OWN_FORMAT = "consolidated"


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """`names` of the files, sorted, as paths inside the folder; `index` is the file that names them, empty if none does."""

    names: tuple[str, ...]
    index: str = ""
    note: str = ""
    """For the user: what else is there and is not read, where it could be mistaken for the weights; else empty."""


def choose(
    names: Collection[str], read_text: Callable[[str], str], *, source: str, named: str | None = None
) -> WeightFiles:
    """Return the files that hold the weights, of all file `names` of a checkpoint.

    `read_text` returns the text of an index, `source` is the checkpoint for messages, `named` the config's `transformers_weights`.
    Raises UserError if there are none, if the index is damaged, or if nothing says which files count.
    """
    decisive = named or next((name for name in _ORDER if name in names), None)
    if decisive is None:
        return _without_index(names, source)
    _inside(decisive, source)
    if not decisive.endswith(_IS_INDEX):
        return WeightFiles((decisive,), note=_note(decisive, names))
    return WeightFiles(_named_by_index(decisive, read_text(decisive), source), decisive)


def needs_index(names: Collection[str], named: str | None = None) -> str:
    """Return the index that decides, which must be read before the files are known; empty if none does."""
    decisive = named or next((name for name in _ORDER if name in names), "")
    return decisive if decisive.endswith(_IS_INDEX) else ""


def fault_for_transformers(chosen: WeightFiles, *, named: str | None = None) -> str:
    """Return why transformers would not find these weights, which only have other names, and what to do; empty if it finds them."""
    if chosen.index or named or chosen.names[0] in _ORDER:
        return ""
    if len(chosen.names) == 1:
        return (
            f"transformers reads only {WHOLE}, and the weights here are {chosen.names[0]}: rename this file to {WHOLE}"
        )
    return (
        f"transformers reads several files only if {INDEX} names them, and there is none beside {chosen.names[0]}; download the "
        "index, too"
    )


def _note(decisive: str, names: Collection[str]) -> str:
    index = decisive + _IS_INDEX
    if index not in names:
        return ""
    return f"{decisive} is read, as transformers does; {index} beside it, and the files it names, are not"


def _named_by_index(index: str, text: str, source: str) -> tuple[str, ...]:
    named = parse_object(text, f"{source}/{index}").get("weight_map")
    if not isinstance(named, dict):
        raise UserError(f"{source}/{index}: names no files (no weight_map); download it again")
    if not named:
        raise UserError(f"{source}/{index}: names no files (an empty weight_map); download it again")
    odd = next((tensor for tensor, name in named.items() if not isinstance(name, str)), None)
    if odd is not None:
        raise UserError(f"{source}/{index}: names no file for the tensor {odd} but {named[odd]!r}; download it again")
    return tuple(sorted(_inside(name, source) for name in set(named.values())))


def _inside(name: str, source: str) -> str:
    """The name, if it is inside the folder. Raises UserError else: such a checkpoint would read any file of this machine."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not name.strip():
        raise UserError(f"{source}: names the weight file {name!r}, which is not inside the model's folder")
    if not name.isprintable():
        raise UserError(
            f"{source}: names the weight file {name!r}, which is no usual file name; download the index again"
        )
    return name


def _without_index(names: Collection[str], source: str) -> WeightFiles:
    """The files of a folder with names of its own, where only one reading is possible."""
    flat = [name for name in names if "/" not in name and not _NO_WEIGHTS.match(name)]
    for suffix in (".safetensors", ".bin"):
        found = sorted(name for name in flat if name.endswith(suffix) and not name.startswith(_OWN_FORMAT))
        if found:
            return WeightFiles(_complete(found, source))
    raise UserError(f"{source}: {why_none(names)}")


def _complete(found: list[str], source: str) -> tuple[str, ...]:
    shards = [_SHARD.match(name) for name in found]
    stems = {
        (shard["stem"], shard["count"], shard["suffix"]) if shard else name
        for shard, name in zip(shards, found, strict=True)
    }
    if len(stems) > 1:
        raise UserError(
            f"{source}: has {', '.join(found)}, and no {INDEX} says which of them are the model; keep only the model's files"
        )
    if not shards[0]:
        return tuple(found)
    count = int(shards[0]["count"])
    return tuple(
        f"{shards[0]['stem']}-{number:05d}-of-{count:05d}{shards[0]['suffix']}" for number in range(1, count + 1)
    )


def why_none(names: Collection[str]) -> str:
    """Return what a folder without weights in the format of transformers has in their place, and what to do."""
    if any(name.startswith(_ADAPTER) for name in names):
        return (
            "has no *.safetensors file but an adapter (LoRA): merge it into its base model, and name the merged folder"
        )
    if any(name.startswith(_OWN_FORMAT) for name in names):
        return (
            f"has no *.safetensors file in the format of transformers, only {_OWN_FORMAT}.*, its maker's own format; use the "
            "model's version for transformers"
        )
    if any(name.endswith(".gguf") for name in names):
        return "has no *.safetensors file but GGUF files: name one of them as weights"
    return "no *.safetensors file; the download may be incomplete"
