"""The table of architectures in the documentation, from what the trials of the whole zoo found: `python -m tests.zoo`."""

import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qtui.engines import architectures, available
from tests.zoo import trial
from tests.zoo.kinds import KINDS, OWN_CODE, Kind, OwnCode
from tests.zoo.outcome import Outcome

HEAD = """\
# Architectures

Which families of models run on which engine. `make docs` writes this page: for each family it makes a tiny checkpoint with random
weights, the family's own layers, kind of tokenizer and markers of its chat template, converts it with qtui, and asks both engines.
They *agree* if prompts have the same token ids, tokens the same text, the same tokens end an answer, greedy answers of 40 tokens
are equal (or part where two logits are nearer than 0.01), their mean KL divergence is below 0.0001 nats per token, and a batch
gives the answers of one by one.

What an engine lacks is said by its config.json, or by what the hub knows of a GGUF file, before weights are downloaded.

llama.cpp fixes some settings in its code (the activation, whether experts' weights are scaled, parts of YaRN), and its converter
does not write others. A checkpoint with another value would be another model as a GGUF file: it is refused by its config.json, with
the setting, before weights are fetched or converted. Where the difference is only in long texts, or small, Runs says so. A GGUF
file from elsewhere is judged by the settings of the original whose prompts it uses.
"""


def write(target: Path, converter: Path) -> None:
    """Put the whole zoo through both engines and write the page. `converter` is a folder with llama.cpp's sources."""
    os.environ["GGML_NO_BACKTRACE"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = scratch
        rows = [_row_of(kind, Path(scratch), converter) for kind in KINDS]
    rows += [_row_of_own_code(kind, converter) for kind in OWN_CODE]
    target.write_text("\n".join([HEAD, _versions(), "", *_table(rows), "", *_notes(rows)]) + "\n", encoding="utf-8")


def _versions() -> str:
    found = available.versions(("transformers", "torch", "llama-cpp-python", "gguf"))
    named = ", ".join(f"{name} {version}" for name, version in found.items())
    converter = found.get("llama-cpp-python", "")
    return f"Tried with {named}; llama.cpp and its converter are those of llama-cpp-python {converter}."


def _table(rows: Sequence[dict[str, str]]) -> list[str]:
    columns = ("family", "in config.json", "transformers", "conversion", "llama.cpp", "both agree")
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return lines + [f"| {' | '.join(row[column].replace('|', '/') for column in columns)} |" for row in rows]


def _notes(rows: Sequence[dict[str, str]]) -> list[str]:
    noted = [row for row in rows if row["note"]]
    return ["## What differs", "", *(f"- **{row['family']}**: {row['note']}" for row in noted)] if noted else []


def _row_of(kind: Kind, home: Path, converter: Path) -> dict[str, str]:
    """A trial in a process of its own: a library that crashes costs one row. A copy of this process has the libraries loaded."""
    result, log = home / f"{kind.slug}.json", home / f"{kind.slug}.log"
    child = multiprocessing.get_context("fork").Process(target=_try_in_child, args=(kind, home, converter, result, log))
    child.start()
    child.join()
    if child.exitcode or not result.is_file():
        return _row(kind.name, kind.config, "—", "—", "stops the process", "—", _last_line(log.read_text()))
    return _row_of_outcome(kind, msgspec.json.decode(result.read_bytes(), type=Outcome))


def _try_in_child(kind: Kind, home: Path, converter: Path, result: Path, log: Path) -> None:
    import torch

    with log.open("wb") as out:
        for stream in (1, 2):
            os.dup2(out.fileno(), stream)
    torch.set_num_threads(1)
    result.write_bytes(msgspec.json.encode(trial.put_through(kind, home, converter)))


def _row_of_outcome(kind: Kind, found: Outcome) -> dict[str, str]:
    hub, llama = found.transformers, found.llama_cpp
    ran = not hub.error and not llama.error and not found.conversion
    notes = [*found.faults, *([kind.note] if kind.note else [])]
    if found.gguf_ends:
        lacks, adds = set(hub.ends) - set(found.gguf_ends), set(found.gguf_ends) - set(hub.ends)
        notes += [f"a GGUF file alone, as a baseline, lacks the end token `{text}`" for text in sorted(lacks)]
        notes += [f"a GGUF file alone, as a baseline, adds the end token `{text}`" for text in sorted(adds)]
    return _row(
        found.name,
        f"`{found.architecture}`, `{found.model_type}`",
        "no" if hub.error else "yes",
        "no" if found.conversion else f"by {found.converted_by}",
        "—" if found.conversion else "no" if llama.error else f"yes, `{found.gguf_architecture}`",
        "—" if not ran else "no" if found.faults else f"yes, KL {found.kl:.0e}",
        "; ".join(notes),
    )


def _row_of_own_code(kind: OwnCode, converter: Path) -> dict[str, str]:
    converts = architectures.converter_knows(converter / "convert_hf_to_gguf.py", kind.architecture)
    knows = architectures.knows_gguf(kind.model_type)
    return _row(
        kind.name,
        f"`{kind.architecture}`, `{kind.model_type}`",
        "by the model's own code",
        "by llama.cpp, with the model's own code" if converts else "no",
        f"yes, `{kind.model_type}`" if knows else "no",
        "not tried",
        "transformers has no code for it; the checkpoint brings its own, which runs with `trust_remote_code = true`",
    )


def _row(*cells: str) -> dict[str, str]:
    columns = ("family", "in config.json", "transformers", "conversion", "llama.cpp", "both agree", "note")
    return dict(zip(columns, (cell.replace("\n", "⏎") for cell in cells), strict=True))


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if "ASSERT" in line or "Error" in line]
    return (lines or ["it printed no reason"])[-1].rpartition("/")[2]
