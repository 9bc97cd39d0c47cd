"""Which tokens end an answer is known from a GGUF file alone as from the checkpoint it was made of; and no family is refused."""

from pathlib import Path

import pytest

from qtui.engines.conversion import unkept_settings
from qtui.engines.weights.weights import open_weights
from tests.zoo import checkpoint, vocabularies
from tests.zoo.kinds import KINDS, Kind
from tests.zoo.vocabularies import Wanted

NOT_IN_THE_FILE = {"Phi-3": {"<|assistant|>"}}
"""Only generation_config.json says that a model that opens its own next turn has ended."""


@pytest.fixture(scope="module")
def files(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Wanted]:
    home = tmp_path_factory.mktemp("ends")
    wanted = {}
    for kind in KINDS:
        tokens, _ = checkpoint.write_settings(kind, home / kind.slug)
        wanted[kind.name] = Wanted(home / kind.slug, home / f"{kind.slug}.gguf", tokens.pattern)
    vocabularies.write(sources, list(wanted.values()))
    return wanted


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)
def test_a_file_alone_names_the_end_tokens_of_its_checkpoint(kind: Kind, files: dict[str, Wanted]) -> None:
    ends = [
        set(open_weights(path).prompt_format.end_token_texts)
        for path in (files[kind.name].folder, files[kind.name].target)
    ]
    assert ends[0] - ends[1] == NOT_IN_THE_FILE.get(kind.name, set())
    assert not ends[1] - ends[0]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)
def test_settings_as_they_are_published_are_kept(kind: Kind, files: dict[str, Wanted]) -> None:
    unkept_settings.check(open_weights(files[kind.name].folder).config, kind.name)
