"""Names that a hub gives: of files, of contents and of commits. None of them leads out of the cache or to the terminal."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from tests.engines.loopback_hub import COMMIT, LoopbackHub

pytest.importorskip("huggingface_hub", reason="huggingface_hub is in the engines extra, which is not installed")

OUT = "../../../../escaped"
HOSTILE = "\x1b]0;owned\x07\u202e[b]"
FETCH = """
import sys
from qtui.engines.weights import hub
from qtui.errors import UserError
for repo in sys.argv[1:]:
    try:
        print("got", hub.folder(repo, lambda _: None))
    except UserError as error:
        print("error", ascii(str(error)))
    sys.stdout.flush()
"""


class HostileHub(LoopbackHub):
    """Every model of it has other hostile names; `org/plain` has none."""

    etags: ClassVar = {
        "org/etag": f'"{OUT}-by-etag"',
        "org/weak": f'W/"{OUT}-by-weak"',
        "org/absolute": '"/tmp/escaped-by-etag"',
    }
    commits: ClassVar = {"org/commit": f"{OUT}-by-commit"}
    files: ClassVar = {"org/file": f"{OUT}-by-file.json", "org/named": f"{HOSTILE}.json"}

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        repo = next((repo for repo in self.repos if f"{repo}/" in f"{path}/"), "")
        status, headers, data = super().answer(path)
        commit = self.commits.get(repo, COMMIT)
        if repo in self.etags and "ETag" in headers:
            headers["ETag"] = self.etags[repo]
        if repo in self.commits and "X-Repo-Commit" in headers:
            headers["X-Repo-Commit"] = commit
        if repo in self.files and path.startswith("api/models/"):
            said = json.loads(data)
            if isinstance(said, dict):
                said["siblings"].append({"rfilename": self.files[repo]})
            else:
                said.append({"type": "file", "path": self.files[repo], "size": 2, "oid": "0" * 40})
            data = json.dumps(said).encode()
        if repo in self.commits and path.startswith("api/models/"):
            data = data.replace(COMMIT.encode(), commit.encode())
        return (
            (200, {"ETag": '"1"', "X-Repo-Commit": commit}, b"{}")
            if status == 404 and repo
            else (
                status,
                headers,
                data,
            )
        )


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder around the cache after all models were asked for by one process, and what was said of each."""
    around = tmp_path_factory.mktemp("around")
    model = around / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    repos = ["org/plain", *HostileHub.etags, *HostileHub.commits, *HostileHub.files]
    hub = HostileHub(dict.fromkeys(repos, model))
    home = around / "a" / "b" / "hf"
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", FETCH, *repos],
            env=environment, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
    finally:
        hub.close()
    said = done.stdout.splitlines()
    assert len(said) == len(repos), done.stderr
    return around, dict(zip(repos, said, strict=True))


def test_a_model_with_plain_names_is_downloaded(asked: tuple[Path, dict[str, str]]) -> None:
    assert asked[1]["org/plain"].startswith("got "), asked[1]


@pytest.mark.parametrize("repo", [*HostileHub.etags, *HostileHub.commits])
def test_a_name_that_leads_out_of_the_cache_is_refused_in_a_sentence(
    repo: str, asked: tuple[Path, dict[str, str]]
) -> None:
    assert asked[1][repo].startswith("error "), asked[1][repo]
    assert "Traceback" not in asked[1][repo]


def test_a_file_whose_name_leads_out_of_the_cache_is_left_out(asked: tuple[Path, dict[str, str]]) -> None:
    """It is none of a model's files, which are in the folder itself. One with a hostile name is, and does no harm."""
    assert {asked[1][repo].partition(" ")[0] for repo in HostileHub.files} == {"got"}


def test_nothing_is_written_outside_of_the_cache(asked: tuple[Path, dict[str, str]]) -> None:
    around = asked[0]
    outside = [path for path in around.rglob("*escaped*") if path.is_file()]
    assert outside == []
    assert {path.name for path in around.iterdir()} == {"a", "model"}
    assert not Path("/tmp/escaped-by-etag").exists()
