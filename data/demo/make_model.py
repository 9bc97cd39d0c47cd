#!/usr/bin/env python3
"""Make the demo model: train the tokenizer and a small Llama on training_text.py, write a Hugging Face folder.

    OMP_NUM_THREADS=1 python data/demo/make_model.py [--out FOLDER] [--steps N]

One thread, fixed seeds and deterministic kernels: the same torch on the same kind of processor gives the same bytes.
Only answers are learned (the loss leaves the questions out), in the chat format that every engine renders.
"""

import argparse
import hashlib
import io
import itertools
import json
import math
import pathlib
import time
from collections.abc import Iterator
from random import Random

import sacrebleu
import sentencepiece
import torch
from training_text import Pair, pairs
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
TASKS = HERE.parent / "tasks" / "demo.jsonl"
SEED = 20240501
VOCABULARY = 2048
CONTEXT = 1024
BATCH_TOKENS = 1024
MUON_RATE = 0.02
ADAM_RATE = 4e-3
WARMUP_STEPS = 50
IGNORED = -100  # label of a token without loss

CHAT_TEMPLATE = """{{ bos_token }}
{%- for message in messages -%}
{%- if message['role'] == 'assistant' -%}{{ '回答：' + message['content'] + eos_token }}
{%- elif message['role'] == 'user' -%}{{ '質問：' + message['content'] + '\\n' }}
{%- else -%}{{ message['content'] + '\\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '回答：' }}{%- endif -%}
"""

Example = tuple[list[int], int]  # token ids, and how many of them are the question


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    parser.add_argument("--steps", type=int, default=1800)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    tasks = [json.loads(line) for line in TASKS.read_text(encoding="utf-8").splitlines()]
    excluded = frozenset(task["input"] for task in tasks)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_tokenizer(arguments.out, excluded)
    tokenizer = AutoTokenizer.from_pretrained(arguments.out)
    model = train(tokenizer, excluded, arguments.steps)
    model.to(torch.float16).save_pretrained(arguments.out)
    weights = arguments.out / "model.safetensors"
    weights.chmod(0o644)
    print("sha256 of model.safetensors:", hashlib.sha256(weights.read_bytes()).hexdigest())
    show(arguments.out, tasks)


def write_tokenizer(folder: pathlib.Path, excluded: frozenset[str]) -> None:
    """SentencePiece of the Llama 2 kind: BPE, bytes for what is unknown, text left as it is."""
    sample = itertools.islice(pairs(SEED, excluded), 30_000)
    lines = [line for pair in sample for text in pair for line in text.split("\n")]
    kana = "".join(chr(c) for c in (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7)))
    ascii_signs = "".join(chr(c) for c in range(33, 127))
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*lines, *["質問：", "回答："] * 1000]),
        model_writer=trained,
        model_type="bpe",
        vocab_size=VOCABULARY,
        byte_fallback=True,
        split_digits=True,
        add_dummy_prefix=True,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        character_coverage=1.0,
        max_sentencepiece_length=6,
        allow_whitespace_only_pieces=True,
        required_chars=kana + ascii_signs,
        num_threads=1,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=3,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(trained.getvalue())
    settings = {
        "tokenizer_class": "LlamaTokenizer",
        "legacy": True,
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": CONTEXT,
        "chat_template": CHAT_TEMPLATE,
    }
    text = json.dumps(settings, ensure_ascii=False, indent=2)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def train(tokenizer, excluded: frozenset[str], steps: int) -> LlamaForCausalLM:
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=256,
            intermediate_size=768,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=False,
            rms_norm_eps=1e-5,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=3,
        )
    )
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=3)
    optimizers = optimizers_of(model)
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda step: rate(step, steps)) for o in optimizers]
    started, total, recent = time.monotonic(), 0, 0.0
    for step, (ids, labels, mask) in enumerate(batches(tokenizer, excluded, steps), 1):
        hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :-1]
        wanted = labels[:, 1:]
        learned = wanted != IGNORED
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[learned]), wanted[learned])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepping in (*optimizers, *schedules):
            stepping.step()
        model.zero_grad()
        total += ids.numel()
        recent = loss.item() if step == 1 else 0.95 * recent + 0.05 * loss.item()
        if step % 100 == 0:
            minutes = (time.monotonic() - started) / 60
            print(f"step {step}/{steps}  loss {recent:.3f}  {total:,} tokens  {minutes:.1f} min", flush=True)
    return model


def optimizers_of(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, which takes about half the tokens that AdamW needs here; AdamW for the rest."""
    inner = [p for name, p in model.named_parameters() if p.ndim > 1 and ".layers." in name]
    rest = [p for name, p in model.named_parameters() if not (p.ndim > 1 and ".layers." in name)]
    return [
        torch.optim.Muon(inner, lr=MUON_RATE, weight_decay=0.02, momentum=0.95),
        torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.97), weight_decay=0.01),
    ]


def rate(step: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to nothing: a share of the peak rate."""
    if step < WARMUP_STEPS:
        return (step + 1) / WARMUP_STEPS
    return 0.5 * (1 + math.cos(math.pi * (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS)))


def batches(tokenizer, excluded: frozenset[str], steps: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """Batches of about BATCH_TOKENS tokens with examples of like length, so that little of a batch is padding."""
    rng = Random(SEED)
    source = (encode(tokenizer, pair) for pair in pairs(SEED + 1, excluded))
    made = 0
    while made < steps:
        pool = sorted(itertools.islice(source, 2000), key=lambda example: len(example[0]))
        chunks: list[list[Example]] = [[]]
        for example in pool:
            if (len(chunks[-1]) + 1) * len(example[0]) > BATCH_TOKENS:
                chunks.append([])
            chunks[-1].append(example)
        rng.shuffle(chunks)
        for chunk in chunks[: steps - made]:
            yield padded(chunk)
        made += len(chunks)


def encode(tokenizer, pair: Pair) -> Example:
    question, answer = pair
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    prompt = tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(turns, tokenize=False)
    ids, asked = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (whole, prompt))
    if ids[: len(asked)] != asked or ids[-1] != tokenizer.eos_token_id:
        raise ValueError(f"the question's tokens change with the answer: {whole!r}")
    return ids, len(asked)


def padded(examples: list[Example]) -> tuple[torch.Tensor, ...]:
    longest = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), longest), 3)
    labels = torch.full((len(examples), longest), IGNORED)
    mask = torch.zeros((len(examples), longest), dtype=torch.long)
    for row, (tokens, asked) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, asked : len(tokens)] = torch.tensor(tokens[asked:])
        mask[row, : len(tokens)] = 1
    return ids, labels, mask


def show(folder: pathlib.Path, tasks: list[dict[str, str]]) -> None:
    """Greedy answers of the written model to the demo tasks, as an engine would read it back."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    scores = []
    for number, task in enumerate(tasks, 1):
        turn = [{"role": "user", "content": task["input"]}]
        prompt = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        output = model.generate(**prompt, max_new_tokens=256, do_sample=False)[0, prompt["input_ids"].shape[1] :]
        answer = tokenizer.decode(output, skip_special_tokens=True)
        scores.append(sacrebleu.sentence_chrf(answer, [task["output"]]).score)
        if number % 6 == 1:
            print(f"--- task {number}: {task['input']}\n{answer}")
    print(f"mean chrF over {len(tasks)} tasks: {sum(scores) / len(scores):.1f}")


if __name__ == "__main__":
    main()
