"""Files of models: folders of Hugging Face and GGUF files, planned and run by the real engines as a worker does; chat templates."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from qtui.engines.protocol.answering import Item, Job, Request
from qtui.engines.weights import chat_template, finding
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.records import EngineName, PromptSource, Sampling, VariantSpec
from tests.fuzz import mutation
from tests.fuzz.arena import Kind

TEMPLATES = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] | trim }}{% endfor %}"
    "{% if add_generation_prompt %}A:{% endif %}",
    "{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'system' %}{% set ns.found = true %}{% endif %}"
    "{{ m.content.split('</think>')[-1] }}{% endfor %}{{ messages | tojson }}{{ '%s-%d' % ('a', 3) }}{{ strftime_now('%Y') }}",
    "{% macro show(m) %}[{{ m.content | replace('a', 'b') | upper }}]{% endmacro %}{% for m in messages %}{{ show(m) }}"
    "{% if not loop.last %}{{ '\\n' * 2 }}{% endif %}{% endfor %}{{ {'a': [1, 2]} | tojson(indent=2) }}",
)
PIECES = (
    "{% for i in range(100000) %}", "{% endfor %}", "{{ 'a' * 10**10 }}", "{{ x ~ x }}", "{{ 10 ** 10 ** 3 ** 9 }}", "{% if", "{{",
    "{{ messages.__class__ }}", "{{ 'a' | center(10**9) }}", "{{ '%99999999d' % 1 }}", "{{ '{:>99999999}'.format(1) }}",
    "{{ lipsum(9999) }}", "{{ raise_exception('é\ud800') }}", "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}",
    "{{ range(10**9) | list }}", "{{ [0] * 10**9 }}", "{{ messages * 10**8 }}", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% set ns = namespace(x='aa') %}{% for i in range(90) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "{{ (" * 300, "{{ 1/0 }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(90) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{{ [] | first }}", "{{ messages | sort }}", "{{ undefined.a.b }}",
    "{% generation %}", "{{ strftime_now(5) }}", "{{ '' | join(3) }}", "{# ",
    "{{ messages | map(attribute='content') | join('x' * 1000000) }}", "{{ tools[0].name }}", "{% break %}", "\ud800",
)  # fmt: skip


def changed_template(random: Random) -> str:
    """A template with pieces that loop, allocate or are broken."""
    text = random.choice(TEMPLATES)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(text) + 1)
        end = at + random.choice((0, 0, 1, 10))
        text = text[:at] + random.choice(PIECES) + text[end:]
    return text


def _make_template(random: Random, folder: Path) -> None:
    (folder / "t.json").write_text(json.dumps(changed_template(random)))


def _read_template(folder: Path) -> None:
    from qtui.engines.prompts import rendering

    template = json.loads((folder / "t.json").read_text())
    form = PromptFormat(source="m", template=template, bos_token="<s>")
    chat_template.variables_of(template, "m")
    rendering.render(["What is 1+1?"], form, system="Be brief.")


def _spm(folder: Path) -> Path:
    from tests.engines.tiny_llama import sentencepiece_llama

    return sentencepiece_llama(folder / "spm")


def _bpe(folder: Path) -> Path:
    from tests.engines.tiny_llama import byte_level_llama

    return byte_level_llama(folder / "bpe")


_prepared: list[Path] = []


def prepare(folder: Path) -> None:
    """Both small models, each as a folder and as a GGUF file.

    They are made once, and in a process of its own: torch must not have computed anything before a fork.
    """
    if _prepared:
        shutil.copytree(_prepared[0], folder, dirs_exist_ok=True)
        return
    _prepared.append(folder)
    child = os.fork()
    if child == 0:
        from qtui.engines.conversion import llama_folder

        for made in (_spm(folder), _bpe(folder)):
            llama_folder.convert(open_weights(made), folder / f"{made.name}.gguf")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"the small models were not made (status {status})")
    import llama_cpp  # noqa: F401 - read once, for every child
    import torch  # noqa: F401
    import transformers  # noqa: F401


def make_gguf(random: Random, folder: Path) -> None:
    data = bytearray((folder.parent / "real" / random.choice(("spm.gguf", "bpe.gguf"))).read_bytes())
    how = random.choice(("header", "header", "header", "number", "number", "body", "cut"))
    if how == "header":
        end = random.choice((64, 800, 800, len(data) // 2))
        data[:end] = mutation.changed_bytes(random, bytes(data[:end]), places=2)
    elif how == "number":
        _change_number(random, data)
    elif how == "cut":
        del data[random.randrange(len(data)) :]
    else:
        data = bytearray(mutation.changed_bytes(random, bytes(data)))
    (folder / "m.gguf").write_bytes(data)


NUMBERS = (
    b"context_length", b"block_count", b"embedding_length", b"feed_forward_length", b"head_count", b"head_count_kv", b"vocab_size",
    b"dimension_count", b"bos_token_id", b"eos_token_id", b"unknown_token_id", b"freq_base", b"layer_norm_rms_epsilon",
)  # fmt: skip


def _change_number(random: Random, data: bytearray) -> None:
    """Change one number of the metadata: behind its key stand its type (4 bytes) and its value."""
    key = random.choice(NUMBERS)
    at = data.find(key)
    if at < 0:
        return
    value = random.choice((0, 1, 2, 3, 511, 2**15, 2**20, 2**31 - 1, 2**31, 2**32 - 1))
    place = at + len(key) + 4
    data[place : place + 4] = struct.pack("<I", value)
    if random.random() < 0.2:
        data[at + len(key) : at + len(key) + 4] = struct.pack("<I", random.choice((4, 5, 6, 7, 8, 9)))


def _make_imatrix(random: Random, folder: Path) -> None:
    """An importance matrix in llama-imatrix's older form: counts, names, numbers."""
    entries = [
        struct.pack("<i", len(name)) + name + struct.pack("<ii4f", 3, 4, 1.0, 2.0, 0.5, 0.25)
        for name in (b"blk.0.attn_q.weight", b"output.weight")
    ]
    data = struct.pack("<i", len(entries)) + b"".join(entries)
    if random.random() < 0.3:
        data = (folder.parent / "real" / "spm.gguf").read_bytes()[:40_000]
    (folder / "m.dat").write_bytes(mutation.changed_bytes(random, data))


def _read_imatrix(folder: Path) -> None:
    from qtui.engines.quantizing import imatrix

    imatrix.read(folder / "m.dat")


def _make_folder(random: Random, folder: Path) -> None:
    model = folder / "m"
    shutil.copytree(folder.parent / "real" / random.choice(("spm", "bpe")), model)
    changed = random.choice(sorted(model.iterdir()))
    if changed.name == "model.safetensors":
        _change_safetensors(random, changed)
    elif changed.suffix == ".json" and random.random() < 0.8:
        content = json.loads(changed.read_text(encoding="utf-8"))
        if random.random() < 0.3 and isinstance(content, dict):
            content["chat_template"] = changed_template(random)
        content = mutation.changed_value(random, content)
        changed.write_text(json.dumps(content))
    else:
        changed.write_bytes(mutation.changed_bytes(random, changed.read_bytes()))
    if random.random() < 0.3:
        config = model / "config.json"
        content = mutation.changed_value(
            random, {"num_hidden_layers": 2, "hidden_size": 256, "vocab_size": 720, "head_dim": 64}
        )
        if config.exists() and isinstance(content, dict):
            try:
                config.write_text(json.dumps(json.loads(config.read_text()) | content))
            except (ValueError, TypeError, RecursionError):
                return  # it is no object any more


def _change_safetensors(random: Random, file: Path) -> None:
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header: Any = json.loads(data[8 : 8 + length])
    if random.random() < 0.7:
        header = mutation.changed_value(random, header)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    else:
        file.write_bytes(mutation.changed_bytes(random, data[: 8 + length]) + data[8 + length :])


def _run(engine: EngineName, precision: str) -> Callable[[Path], None]:
    """Plan, load and answer one task, as the worker does; an error that is none of a user's is one sentence of the library."""

    def run(folder: Path) -> None:
        for name in ("CACHE", "STATE", "CONFIG"):
            os.environ[f"XDG_{name}_HOME"] = str(folder / name.lower())
        from qtui.engines import loading, planning

        path = folder / "m" if (folder / "m").exists() else folder / "m.gguf"
        variant = VariantSpec("model", "v", engine, str(path), precision, threads=1, slots=1)
        found = finding.path_on_disk(str(path))
        assert found
        weights = open_weights(found)
        weights.check_files()
        planning.check_settings(variant, weights)
        job = Job(variant, Sampling(max_tokens=2), PromptSource(), [Item(1, 0, "りんごは？")])
        plan = planning.plan(job, finding.WeightsFinder(_nothing))
        requests = [Request(0, plan.prompts[0], job.sampling)]
        made = loading.load_engine(variant, plan, requests, _nothing)
        for _ in made.answer(requests):
            pass

    return run


def _nothing(_: object) -> None:
    pass


def _plan_only(folder: Path) -> None:
    """What `qtui run` reads of weights before it starts a runner, without an engine."""
    from qtui.engines import planning

    path = folder / "m" if (folder / "m").exists() else folder / "m.gguf"
    engine: EngineName = "transformers" if path.is_dir() else "llama.cpp"
    weights = open_weights(path)
    try:
        weights.check_files()
        planning.check_settings(VariantSpec("model", "v", engine, str(path), "F16"), weights)
    except UserError:
        _ = weights.prompt_format  # read for notes, whatever else is wrong
        raise


KINDS = (
    Kind("template", _make_template, _read_template, weight=4, seconds=60.0),
    Kind("gguf header", make_gguf, _plan_only, weight=8, prepare=prepare),
    Kind("model folder", _make_folder, _plan_only, weight=8, prepare=prepare),
    Kind("imatrix", _make_imatrix, _read_imatrix, prepare=prepare),
    Kind("gguf run", make_gguf, _run("llama.cpp", "F16"), prepare=prepare, is_risky=True, seconds=60.0),
    Kind("transformers run", _make_folder, _run("transformers", "F16"), prepare=prepare, is_risky=True, seconds=90.0),
    Kind("convert", _make_folder, _run("llama.cpp", "Q4_0"), prepare=prepare, is_risky=True, seconds=90.0),
)
