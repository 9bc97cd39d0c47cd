"""The experiment of every round: both engines, a judge that is asked directly, one that asks in batches, a scorer."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

GRADER, BATCHER = "grader", "batcher"
KEY, VALUE = "TORTURE_KEY", "sk-torture-0123456789"
ROUND = "QTUI_TORTURE_ROUND"
"""The environment variable by which every process of a round is found, whoever its parent is by then."""
CONCURRENCY = 2
"""Questions that are under way at once to the judge that is asked directly."""

_TASKS = (
    ("動物を1匹挙げて", "猫"),
    ("春の俳句を書いて", "花"),
    ("3たす4はいくつ？", "7"),
    ("空はなぜ青い？", "光"),
    ("手紙の書き出しを書いて", "拝啓"),
)
_EXPERIMENT = """
name = "torture"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 24
[[models]]
name = "demo-ja"
  [[models.variants]]
  name = "F32"
  engine = "transformers"
  weights = "demo"
  slots = 1
  threads = 1
  [[models.variants]]
  name = "Q8_0"
  engine = "llama.cpp"
  weights = "demo"
  slots = 2
  threads = 1
  [[models.variants]]
  name = "Q4_K_M"
  engine = "llama.cpp"
  weights = "demo"
  slots = 1
  threads = 1
[[judges]]
kind = "openai"
model = "{grader}"
base_url = "{grader_url}"
api_key_env = "{key}"
concurrency = {concurrency}
[[judges]]
kind = "openai"
model = "{batcher}"
base_url = "{batcher_url}"
api_key_env = "{key}"
batch = true
[[scorers]]
kind = "chrf"
"""


@dataclass(frozen=True)
class Folder:
    """The folder of one round: everything that its processes may write is in it."""

    path: Path

    @property
    def experiment(self) -> Path:
        return self.path / "torture.toml"

    @property
    def store(self) -> Path:
        return self.path / "store" / "store.sqlite"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def temporary(self) -> Path:
        return self.path / "tmp"

    @property
    def logs(self) -> Path:
        return self.path / "state" / "qtui" / "logs"

    def environment(self) -> dict[str, str]:
        """The environment of every process of the round."""
        folders = {f"XDG_{name.upper()}_HOME": str(self.path / name) for name in ("data", "config", "cache", "state")}
        return os.environ | folders | {
            ROUND: str(self.path),
            KEY: VALUE,
            "TMPDIR": str(self.temporary),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "TERM": "xterm-256color",
        }  # fmt: skip


def prepare(path: Path, grader_url: str, batcher_url: str, cache: Path | None = None) -> Folder:
    """Write the experiment into a new folder; with `cache`, a cache that an undisturbed run has filled."""
    folder = Folder(path)
    for each in (folder.store.parent, folder.temporary):
        each.mkdir(parents=True)
    lines = [json.dumps({"input": task, "reference": reference}) for task, reference in _TASKS]
    (path / "tasks.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = _EXPERIMENT.format(
        grader=GRADER, grader_url=grader_url, batcher=BATCHER, batcher_url=batcher_url, key=KEY, concurrency=CONCURRENCY
    )
    folder.experiment.write_text(text, encoding="utf-8")
    if cache is not None:
        shutil.copytree(cache, folder.cache)
    return folder
