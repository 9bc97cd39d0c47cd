"""What is known of a variant: what the store's JSON becomes, of this and of every other version."""

import json
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from qtui import variant_facts
from qtui.engines.protocol.answering import Loaded, decode_from_worker, encode
from qtui.store import open_store, runs
from qtui.variant_facts import VariantFacts
from tests.filled_store import fill


def test_what_is_not_known_is_absent_and_what_is_empty_is_not() -> None:
    facts = VariantFacts(slots=0, bos=False, compute_notes=(), stop_tokens=("</s>",))
    assert facts.values() == {"slots": 0, "bos": False, "compute_notes": (), "stop_tokens": ("</s>",)}
    assert not facts.is_empty
    assert VariantFacts().is_empty


def test_json_is_read_back_as_it_was_written() -> None:
    facts = VariantFacts(
        file_bytes=5, load_seconds=2.5, stop_tokens=("</s>", "<|終|>"), library={"torch": "2"}, bos=True
    )
    assert variant_facts.from_json(json.dumps(facts.values())) == facts


def test_keys_and_kinds_of_another_version_are_kept() -> None:
    facts = variant_facts.from_json(
        '{"slots": "many", "of_tomorrow": [1], "context": 512, "threads": null, "active": true}'
    )
    assert facts == VariantFacts(
        context=512, other={"slots": "many", "of_tomorrow": [1], "threads": None, "active": True}
    )
    assert facts.values()["of_tomorrow"] == [1]


@pytest.mark.parametrize("name", [each.name for each in fields(VariantFacts)])
def test_every_fact_says_what_it_is(name: str) -> None:
    source = Path(variant_facts.__file__).read_text()
    assert source.split(f"    {name}: ")[1].splitlines()[1].startswith('    """')


def test_a_worker_says_them_as_they_are() -> None:
    said = Loaded(VariantFacts(slots=4, stop_tokens=("</s>",), library={}, rearranges_weights=False))
    assert decode_from_worker(encode(said)) == said
    assert "null" in msgspec.json.encode(said).decode()


def test_the_store_merges_clears_and_keeps_what_it_does_not_know(tmp_path: Path) -> None:
    fill(tmp_path / "store.sqlite")
    store = open_store(tmp_path / "store.sqlite")
    variant = runs.summaries(store)[0].variants[0].id
    with store.writing():
        store.execute("UPDATE variant SET facts = ? WHERE id = ?", ('{"of_yesterday": 1, "gpu_bytes": 7}', variant))
    runs.set_variant(store, variant, facts=VariantFacts(loading_fraction=0.5))
    runs.set_variant(store, variant, facts=VariantFacts(slots=3), cleared=["loading_fraction", "gpu_bytes"])
    (text,) = store.execute("SELECT facts FROM variant WHERE id = ?", (variant,)).fetchone()
    assert json.loads(text) == {"of_yesterday": 1, "slots": 3}
    assert runs.summaries(store)[0].variants[0].facts == VariantFacts(slots=3, other={"of_yesterday": 1})
