"""A folder as llama.cpp's converter should see it: only the files that count, and a config that fits them.

The converter reads every file whose name begins with `model`, and leaves out an output head that the config denies. So where a
folder has more, it gets a folder of links.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qtui.engines.weights.checkpoint.output_head import is_tied
from qtui.engines.weights.weights import Weights
from qtui.files import private_files

_WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".gguf")
_INDEX = ".index.json"


@contextmanager
def only_counting_files(weights: Weights, home: Path) -> Iterator[Path]:
    """A folder with the files of `weights` that count: the model's own, or links in a temporary folder in `home`."""
    counting = {file.relative_to(weights.path).as_posix() for file in weights.files}
    others = [file.name for file in weights.path.iterdir() if _is_stray(file.name, counting)]
    denies_head = is_tied(weights.config) and weights.output_head.state == "differs"
    if not others and not denies_head:
        yield weights.path
        return
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        folder = Path(scratch) / weights.name
        private_files.make_folder(folder)
        for file in weights.path.iterdir():
            if file.is_file() and file.name not in others and not (denies_head and file.name == "config.json"):
                (folder / file.name).symlink_to(file.resolve())
        for name in counting:
            private_files.make_folder((folder / name).parent)
            if not (folder / name).exists():
                (folder / name).symlink_to((weights.path / name).resolve())
        if denies_head:
            with private_files.create(folder / "config.json") as config:
                config.write(json.dumps(_untied(weights.config)).encode())
        yield folder


def _is_stray(name: str, counting: set[str]) -> bool:
    """Whether a file looks like weights or their index, and is neither; the index of several files that count is none."""
    if name.endswith(_INDEX):
        return len(counting) == 1 and name.removesuffix(_INDEX) in counting
    return name.endswith(_WEIGHTS) and name not in counting


def _untied(config: dict[str, object]) -> dict[str, object]:
    inner = config.get("text_config")
    changed = {**config, "tie_word_embeddings": False}
    return {**changed, "text_config": {**inner, "tie_word_embeddings": False}} if isinstance(inner, dict) else changed
