"""Llamas with random weights, made in a second or two: real files for real engines, no download and no quality.

Row sizes are multiples of 256, or K-quants would be impossible. The corpus is only there to train tokenizers on.
"""

import json
from pathlib import Path
from typing import Any

CORPUS = """\
朝の市場では、とれたての魚と野菜がならび、店の人が大きな声で客を呼んでいます。
次の文章を三つの要点にまとめてください。箇条書きで答えてください。
わたしの町には古い図書館があり、雨の日には子どもたちが本を読みに集まります。
りんごが五つ、みかんが八つあります。三つ食べると残りはいくつですか。
「どうして空は青いの？」と弟がたずねたので、光の散らばり方について話しました。
二〇二四年四月一日は月曜日です。十日後は何曜日になりますか。
昔々、山の奥に一匹のきつねが住んでいました。きつねは月を見るのが好きでした。
このメールを、ていねいな言葉に書き直してください。よろしくお願いいたします。
The quick test of a tokenizer needs some English words, numbers such as 12345 and code: print("hello").
def add(a, b):
    return a + b
質問に答えてください。質問：日本でいちばん高い山は何ですか。答え：富士山です。
ｶﾀｶﾅと全角ＡＢＣ、絵文字、記号（％＆＃）も少しだけまぜておきます。
"""

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ '<<SYS>>\\n' + message['content'] + '\\n<</SYS>>\\n\\n' }}"
    "{% elif message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% endif %}{% endfor %}"
)

CONTEXT = 512


def sentencepiece_llama(folder: Path, *, dtype: str = "float16", tied: bool = False, seed: int = 0) -> Path:
    """A folder as the Llama 2 family has it: SentencePiece BPE with byte fallback, chat template, safetensors."""
    size = sentencepiece_tokenizer(folder)
    _write_model(folder, vocab=size, bos=1, eos=2, dtype=dtype, tied=tied, seed=seed)
    return folder


def sentencepiece_tokenizer(folder: Path) -> int:
    """The tokenizer files of such a folder, without a model; returns the vocabulary's size."""
    folder.mkdir(parents=True, exist_ok=True)
    _train_sentencepiece(folder)
    settings = {
        "tokenizer_class": "LlamaTokenizer",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "add_bos_token": True,
        "add_eos_token": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return _sentencepiece_size(folder)


def extended_llama(folder: Path, source: Path) -> Path:
    """`source` as transformers saves it today (tokenizer.json alone), with special tokens and a word added."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    tokenizer: Any = AutoTokenizer.from_pretrained(source)
    model: Any = LlamaForCausalLM.from_pretrained(source)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.add_tokens(["東京特許"])
    model.resize_token_embeddings(len(tokenizer) + 5, mean_resizing=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def byte_level_llama(folder: Path, *, seed: int = 0, corpus: str = CORPUS, vocabulary: int = 512) -> Path:
    """A Llama with a byte-level BPE of the GPT-2 kind (tokenizer.json), without a chat template and without a BOS rule."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus.splitlines(), trainer)
    tokenizer: Any = PreTrainedTokenizerFast
    tokenizer(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="<pad>").save_pretrained(folder)
    _write_model(folder, vocab=bpe.get_vocab_size(), bos=0, eos=1, dtype="float16", tied=False, seed=seed)
    return folder


def _train_sentencepiece(folder: Path) -> None:
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS.splitlines()),
        model_writer=model,
        model_type="bpe",
        vocab_size=720,
        byte_fallback=True,
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        split_digits=True,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())


def _sentencepiece_size(folder: Path) -> int:
    import sentencepiece

    return int(sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).vocab_size())


def _write_model(folder: Path, *, vocab: int, bos: int, eos: int, dtype: str, tied: bool, seed: int) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=bos,
        eos_token_id=eos,
        tie_word_embeddings=tied,
        # The default of 0.02 gives logits so flat that rounding decides which token is the likeliest.
        initializer_range=0.05,
    )
    torch.manual_seed(seed)
    model: Any = LlamaForCausalLM(config)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
