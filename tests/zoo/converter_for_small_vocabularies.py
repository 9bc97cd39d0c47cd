"""llama.cpp's converter, with a splitting rule named by the caller.

llama.cpp's converter recognizes the splitting rule of a byte-level BPE by a hash of token ids, so a vocabulary trained on a few
lines is unknown to it whatever its rule. Everything else is llama.cpp's. `folder_for` writes a folder that qtui takes for that
converter.
"""

from pathlib import Path

PROGRAM = """
import runpy, sys
sys.path.insert(0, {home!r})
sys.path.insert(1, {gguf!r})
from conversion.base import TextModel
TextModel.get_vocab_base_pre = lambda self, tokenizer: {pattern!r}
runpy.run_path({script!r}, run_name="__main__")
"""


def folder_for(converter: Path, pattern: str, folder: Path) -> Path:
    """Return `folder` with a converter that names every splitting rule `pattern`; `converter` itself if that is empty."""
    if not pattern:
        return converter
    folder.mkdir(parents=True, exist_ok=True)
    script = converter / "convert_hf_to_gguf.py"
    text = PROGRAM.format(home=str(converter), gguf=str(converter / "gguf-py"), pattern=pattern, script=str(script))
    (folder / script.name).write_text(text)
    return folder
