"""GGUF files of vocabularies alone, by llama.cpp's converter: one process for all folders, because it loads for seconds."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qtui.processes import child_process

PROGRAM = """
import json, runpy, sys
sys.path[:0] = [{home!r}, {gguf!r}]
from conversion.base import TextModel
own = TextModel.get_vocab_base_pre
for folder, target, pattern in json.loads({wanted!r}):
    TextModel.get_vocab_base_pre = (lambda self, tokenizer: pattern) if pattern else own
    for more in ([], ["--no-mtp"]):  # without the layers that predict several tokens at once, which these folders lack
        sys.argv = [{script!r}, folder, "--outfile", target, "--vocab-only", *more]
        try:
            runpy.run_path({script!r}, run_name="__main__")
            break
        except AssertionError:
            if more:
                raise
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to make of a folder without weights."""

    folder: Path
    target: Path
    pattern: str
    """llama.cpp's name of the splitting rule."""


def write(converter: Path, wanted: Sequence[Wanted]) -> None:
    """Write the files. `converter` is a folder with llama.cpp's sources."""
    rows = json.dumps([[str(each.folder), str(each.target), each.pattern] for each in wanted])
    script, gguf = str(converter / "convert_hf_to_gguf.py"), str(converter / "gguf-py")
    program = PROGRAM.format(home=str(converter), gguf=gguf, wanted=rows, script=script)
    environment = child_process.environment(HF_HUB_OFFLINE="1")
    done = subprocess.run(
        child_process.code_command(program), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
