"""The architectures of the zoo: of each the smallest configuration, its kind of tokenizer and the markers of its chat template."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.zoo import templates, tokenizers
from tests.zoo.tokenizers import Maker, Tokens, Words

SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
HEADS: dict[str, Any] = {"head_dim": 16}
EXPERTS: dict[str, Any] = {"num_experts_per_tok": 2, "moe_intermediate_size": 32}
MLA: dict[str, Any] = {
    "num_key_value_heads": 4,
    "kv_lora_rank": 32,
    "q_lora_rank": 32,
    "qk_rope_head_dim": 16,
    "qk_nope_head_dim": 32,
    "v_head_dim": 32,
}
DELTA_NET: dict[str, Any] = {
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "layer_types": ["linear_attention", "full_attention"],
}
YARN: dict[str, Any] = {
    "rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
    "original_max_position_embeddings": 4096,
}  # fmt: skip
MAMBA_2: dict[str, Any] = {"mamba_n_heads": 8, "mamba_d_head": 16, "mamba_d_state": 16, "mamba_chunk_size": 32}

UNIGRAM = "llama.cpp splits texts by merges, and this tokenizer by its likeliest pieces; qtui says which prompts differ"

LLAMA_2 = Words("<s>", "</s>", adds_bos=True)
LLAMA_3 = Words(
    "<|begin_of_text|>", "<|eot_id|>", ends=("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"),
    more=("<|start_header_id|>", "<|end_header_id|>"), adds_bos=True,
)  # fmt: skip
CHATML = Words(eos="<|im_end|>", pad="<|endoftext|>", ends=("<|im_end|>", "<|endoftext|>"), more=("<|im_start|>",))
QWEN_3 = Words(
    eos=CHATML.eos, pad=CHATML.pad, ends=CHATML.ends, more=CHATML.more,
    plain=("<think>", "</think>", "<tool_call>", "</tool_call>", "<|fim_prefix|>"),
)  # fmt: skip
GEMMA = Words("<bos>", "<eos>", "<pad>", ("<eos>", "<end_of_turn>"), ("<start_of_turn>",), adds_bos=True)
GEMMA_4 = Words(
    "<bos>", "<eos>", "<pad>", ("<eos>", "<turn|>", "<|tool_response>"),
    ("<|turn>", "<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<tool_response|>"), adds_bos=True,
)  # fmt: skip
HARMONY = Words(
    "<|startoftext|>", "<|return|>", "<|endoftext|>", ("<|return|>", "<|endoftext|>", "<|call|>"),
    ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>"),
)  # fmt: skip
MISTRAL = Words(
    "<s>", "</s>", "<pad>", more=("[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"), adds_bos=True
)
DEEPSEEK = Words(
    "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", more=("<｜User｜>", "<｜Assistant｜>"), adds_bos=True
)
GLM = Words(
    eos="<|endoftext|>", ends=("<|endoftext|>", "<|user|>", "<|observation|>"),
    more=("[gMASK]", "<sop>", "<|assistant|>", "<|system|>"),
)  # fmt: skip
COHERE = Words(
    "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<PAD>",
    more=("<|START_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|SYSTEM_TOKEN|>"), adds_bos=True,
)  # fmt: skip
NEOX = Words("<|endoftext|>", "<|endoftext|>", "<|padding|>")


def slug_of(name: str) -> str:
    """Return a name for files."""
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))


@dataclass(frozen=True, slots=True)
class Kind:
    """One architecture of the zoo."""

    name: str
    """As people name the family."""
    config: str
    """The class of transformers' configuration."""
    tokenizer: Maker
    words: Words
    template: str
    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    sized: bool = True
    """Whether it takes the names of `SIZES`."""
    vision: dict[str, Any] | None = field(default=None, repr=False)
    """The configuration of the images' half, for architectures whose checkpoints have one; the text's is nested then."""
    text_config: str = ""
    """The class of the nested configuration."""
    note: str = ""
    """What is known of a difference, for the table."""
    rows: int = 16
    """The embedding has a multiple of this many rows, as real ones do: some belong to no token."""
    of_tokens: Callable[[Tokens], dict[str, Any]] | None = field(default=None, repr=False)
    """Settings that are ids of the tokenizer."""

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return slug_of(self.name)


@dataclass(frozen=True, slots=True)
class OwnCode:
    """An architecture that the installed transformers lacks: its checkpoints bring Python code."""

    name: str
    architecture: str
    model_type: str

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return slug_of(self.name)


_llama_3 = tokenizers.byte_level(tokenizers.LLAMA_3, "llama-bpe")
_qwen = tokenizers.byte_level(tokenizers.QWEN_2, "qwen2", normal_form=True)
_gpt_4o = tokenizers.byte_level(tokenizers.GPT_4O, "gpt-4o")
GPT_2 = tokenizers.byte_level("", "gpt-2")
_like_llama_3 = tokenizers.byte_level(tokenizers.LLAMA_3, "dbrx")
_like_glm_4 = tokenizers.byte_level(tokenizers.LLAMA_3, "glm4")
_spm = tokenizers.sentencepiece_bpe
_IMAGES: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}

KINDS: Sequence[Kind] = (
    Kind("Llama 3", "LlamaConfig", _llama_3, LLAMA_3, templates.LLAMA_3,
         {"rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                              "high_freq_factor": 4.0, "original_max_position_embeddings": 256}}),
    Kind("Llama 4", "Llama4TextConfig", _gpt_4o, Words(
            "<|begin_of_text|>", "<|eot|>", ends=("<|end_of_text|>", "<|eom|>", "<|eot|>"),
            more=("<|header_start|>", "<|header_end|>"), adds_bos=True), templates.LLAMA_4,
         {"num_hidden_layers": 4, "num_local_experts": 4, "num_experts_per_tok": 1, "intermediate_size_mlp": 96, **HEADS}),
    Kind("Mistral 7B", "MistralConfig", _spm, LLAMA_2, templates.INST),
    Kind("Mixtral", "MixtralConfig", _spm, LLAMA_2, templates.INST, {"num_local_experts": 4}),
    Kind("Ministral 3", "Ministral3Config", _llama_3, MISTRAL, templates.MISTRAL, HEADS),
    Kind("Mistral Small 3.1", "Mistral3Config", _llama_3, MISTRAL, templates.MISTRAL, HEADS,
         vision={**_IMAGES, "num_hidden_layers": 1, "model_type": "pixtral", "image_size": 28, "patch_size": 14, "head_dim": 16},
         text_config="MistralConfig"),
    Kind("Qwen2.5", "Qwen2Config", _qwen, CHATML, templates.CHATML),
    Kind("Qwen3", "Qwen3Config", _qwen, QWEN_3, templates.CHATML, HEADS),
    Kind("Qwen3 MoE", "Qwen3MoeConfig", _qwen, QWEN_3, templates.CHATML,
         {"num_experts": 4, "norm_topk_prob": True, **EXPERTS, **HEADS}),
    Kind("Qwen3-Next", "Qwen3NextConfig", _qwen, QWEN_3, templates.CHATML,
         {"num_experts": 4, "shared_expert_intermediate_size": 32, **EXPERTS, **HEADS, **DELTA_NET}),
    Kind("Qwen3.5", "Qwen3_5TextConfig", _qwen, QWEN_3, templates.CHATML,
         {"head_dim": 32, **DELTA_NET, "rope_parameters": {"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.25,
          "mrope_section": [2, 1, 1], "mrope_interleaved": True}}),
    Kind("Gemma 2", "Gemma2Config", tokenizers.gemma_pieces, GEMMA, templates.GEMMA, {**HEADS, "query_pre_attn_scalar": 16}),
    Kind("Gemma 3", "Gemma3TextConfig", tokenizers.gemma_pieces, GEMMA, templates.GEMMA, {**HEADS, "query_pre_attn_scalar": 16}),
    Kind("Gemma 3n", "Gemma3nTextConfig", tokenizers.gemma_pieces, GEMMA, templates.GEMMA,
         {**HEADS, "num_kv_shared_layers": 0, "activation_sparsity_pattern": [0.95, 0.95],
          "hidden_size_per_layer_input": 256, "laurel_rank": 64, "intermediate_size": 768,
          "layer_types": ["sliding_attention", "full_attention"]},
         of_tokens=lambda tokens: {"vocab_size_per_layer_input": -(-tokens.size // 16) * 16},
         note="llama.cpp's standard deviation divides by n − 1 and transformers' by n, which shows only in layers narrower than"
              " real ones"),
    Kind("Gemma 4", "Gemma4TextConfig", tokenizers.merged_pieces, GEMMA_4, templates.GEMMA_4,
         {"head_dim": 16, "global_head_dim": 32, "hidden_size_per_layer_input": 16, "final_logit_softcapping": 30.0,
          "num_hidden_layers": 3, "num_kv_shared_layers": 1,
          "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}, rows=1,
         of_tokens=lambda tokens: {"vocab_size_per_layer_input": tokens.size}),
    Kind("Phi-3", "Phi3Config", _spm, Words(
            "<s>", "<|endoftext|>", ends=("<|endoftext|>", "<|end|>", "<|assistant|>"), more=("<|user|>", "<|system|>"),
            plain=("</s>",)),
         templates.PHI_3, {"pad_token_id": 0}),
    Kind("Phi-4", "Phi3Config", tokenizers.byte_level(tokenizers.LLAMA_3, "dbrx", kind="GPT2Tokenizer"), Words(
            "<|endoftext|>", "<|im_end|>", ends=("<|im_end|>", "<|endoftext|>"), more=("<|im_start|>", "<|im_sep|>")),
         templates.PHI_4, {"pad_token_id": 0}),
    Kind("gpt-oss", "GptOssConfig", _gpt_4o, HARMONY, templates.HARMONY,
         {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 64, "rope_parameters": {**YARN, "truncate": True}}),
    Kind("gpt-oss (its YaRN)", "GptOssConfig", _gpt_4o, HARMONY, templates.HARMONY,
         {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 64, "rope_parameters": {**YARN, "truncate": False}},
         note="llama.cpp rounds the range of YaRN's dimensions, and the released settings say not to (`truncate: false`)"),
    Kind("DeepSeek V3 / R1", "DeepseekV3Config", tokenizers.byte_level(tokenizers.LLAMA_3, "llama-bpe"), DEEPSEEK,
         templates.DEEPSEEK,
         {**EXPERTS, **MLA, "n_routed_experts": 4, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1}),
    Kind("GLM-4", "Glm4Config", _like_glm_4, GLM, templates.GLM, HEADS),
    Kind("GLM-4.5", "Glm4MoeConfig", _like_glm_4, GLM, templates.GLM,
         {**EXPERTS, **HEADS, "n_routed_experts": 4, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
          "num_nextn_predict_layers": 0, "use_qk_norm": True}),
    Kind("GLM-5", "GlmMoeDsaConfig", _like_glm_4, GLM, templates.GLM,
         {**EXPERTS, **MLA, "n_routed_experts": 4, "first_k_dense_replace": 1, "index_head_dim": 128, "index_n_heads": 2}),
    Kind("LFM2", "Lfm2Config", _llama_3, Words(
            "<|startoftext|>", "<|im_end|>", "<|pad|>", more=("<|im_start|>",), adds_bos=True), templates.CHATML,
         {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False}),
    Kind("Granite 4", "GraniteMoeHybridConfig", _like_llama_3, Words(
            "<|end_of_text|>", "<|end_of_text|>", "<|pad|>", more=("<|start_of_role|>", "<|end_of_role|>")), templates.GRANITE,
         {**MAMBA_2, "num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": 32,
          "intermediate_size": 32, "layer_types": ["mamba", "attention"], "position_embedding_type": "nope",
          "embedding_multiplier": 12.0, "logits_scaling": 8.0, "residual_multiplier": 0.22, "attention_multiplier": 0.0625}),
    Kind("Falcon-H1", "FalconH1Config", _llama_3, Words(
            "<|begin_of_text|>", "<|im_end|>", "<|pad|>", ("<|end_of_text|>", "<|im_end|>"), ("<|im_start|>",)), templates.CHATML,
         {**HEADS, **MAMBA_2, "mamba_d_ssm": 128, "attention_in_multiplier": 0.8, "ssm_multipliers": [0.3, 0.25, 0.2, 0.5, 0.3]}),
    Kind("Mamba", "MambaConfig", GPT_2, NEOX, templates.NO_TEMPLATE,
         {"hidden_size": 64, "num_hidden_layers": 2, "state_size": 16}, sized=False),
    Kind("Mamba 2", "Mamba2Config", GPT_2, NEOX, templates.NO_TEMPLATE,
         {"hidden_size": 64, "num_hidden_layers": 2, "state_size": 16, "num_heads": 8, "head_dim": 16, "n_groups": 1,
          "chunk_size": 32}, sized=False),
    Kind("Falcon Mamba", "FalconMambaConfig", GPT_2, NEOX, templates.NO_TEMPLATE,
         {"hidden_size": 64, "num_hidden_layers": 2, "state_size": 16}, sized=False),
    Kind("Nemotron-H", "NemotronHConfig", _llama_3, Words(
            "<s>", "<|im_end|>", "<unk>", ("<|im_end|>", "</s>"), ("<|im_start|>",)), templates.CHATML,
         {**HEADS, "layers_block_type": ["mamba", "attention", "mlp"], "ssm_state_size": 16, "mamba_num_heads": 8,
          "mamba_head_dim": 16, "n_groups": 1, "chunk_size": 32}),
    Kind("Nemotron 3 Nano", "NemotronHConfig", _llama_3, Words(
            "<s>", "<|im_end|>", "<unk>", ("<|im_end|>", "</s>"), ("<|im_start|>",)), templates.CHATML,
         {**HEADS, "layers_block_type": ["mamba", "moe", "attention"], "ssm_state_size": 16, "mamba_num_heads": 8,
          "mamba_head_dim": 16, "n_groups": 1, "chunk_size": 32, "n_routed_experts": 4, "num_experts_per_tok": 2,
          "moe_intermediate_size": 32, "moe_shared_expert_intermediate_size": 32}),
    Kind("Command R", "CohereConfig", tokenizers.byte_level("", "command-r", digits=True), COHERE, templates.COHERE,
         {"tie_word_embeddings": True, "logit_scale": 0.0625, "layer_norm_eps": 1e-5}),
    Kind("Command A", "Cohere2Config", tokenizers.byte_level("", "command-r", digits=True), COHERE, templates.COHERE,
         {"logit_scale": 0.25, "rotary_pct": 1.0, "num_hidden_layers": 4}),
    Kind("OLMo 2", "Olmo2Config", _like_llama_3, Words(
            "<|endoftext|>", "<|endoftext|>", "<|pad|>", more=("<|user|>", "<|assistant|>", "<|system|>")), templates.OLMO),
    Kind("OLMo 3", "Olmo3Config", _like_llama_3, Words(
            "<|endoftext|>", "<|im_end|>", "<|pad|>", ("<|im_end|>", "<|endoftext|>"), ("<|im_start|>",)), templates.CHATML,
         {"layer_types": ["sliding_attention", "full_attention"]}),
    Kind("EXAONE 4", "Exaone4Config", tokenizers.byte_level("", "exaone4"), Words(
            "[BOS]", "[|endofturn|]", "[PAD]", more=("[|user|]", "[|assistant|]", "[|system|]")), templates.EXAONE,
         {"sliding_window": None, "layer_types": ["full_attention", "full_attention"]}),
    Kind("Hunyuan", "HunYuanDenseV1Config", tokenizers.byte_level("", "gpt-2"), Words(
            "<｜hy_begin▁of▁sentence｜>", "<｜hy_place▁holder▁no▁2｜>", "<｜hy_▁pad▁｜>",
            more=("<｜hy_User｜>", "<｜hy_Assistant｜>")), templates.HUNYUAN, HEADS,
         of_tokens=lambda tokens: {"eod_token_id": tokens.ids["<｜hy_place▁holder▁no▁2｜>"]}),
    Kind("Seed-OSS", "SeedOssConfig", _like_llama_3, Words(
            "<seed:bos>", "<seed:eos>", "<seed:pad>", plain=("<seed:think>", "</seed:think>")), templates.SEED, HEADS),
    Kind("SmolLM3", "SmolLM3Config", _llama_3, Words(
            eos="<|im_end|>", pad="<|end_of_text|>", ends=("<|im_end|>", "<|end_of_text|>"), more=("<|im_start|>",)),
         templates.CHATML, {"num_hidden_layers": 4, "pad_token_id": 0}),
    Kind("MiniCPM3", "MiniCPM3Config", _spm, Words(
            "<s>", "</s>", ends=("</s>", "<|im_end|>"), more=("<|im_start|>",)), templates.CHATML,
         {**MLA, "qk_nope_head_dim": 16, "v_head_dim": 16}),
    Kind("StableLM 2", "StableLmConfig", tokenizers.byte_level(tokenizers.QWEN_2, "stablelm2"), Words(
            "<|endoftext|>", "<|im_end|>", ends=("<|im_end|>", "<|endoftext|>"), more=("<|im_start|>",)), templates.CHATML,
         {"use_qkv_bias": True, "partial_rotary_factor": 0.25}),
    Kind("Sarashina 2", "LlamaConfig", tokenizers.sentencepiece_unigram, LLAMA_2, templates.INSTRUCTION, note=UNIGRAM),
    Kind("LLM-jp-4", "LlamaConfig", tokenizers.sentencepiece_unigram, Words(
            "<s>", "<|return|>", "<pad>", ("<|return|>", "<|call|>", "</s>"),
            ("<|start|>", "<|end|>", "<|message|>", "<|channel|>"), adds_bos=True), templates.HARMONY, note=UNIGRAM),
    Kind("Swallow (Llama 3)", "LlamaConfig", _llama_3, LLAMA_3, templates.LLAMA_3, {"rope_parameters": {
            "rope_type": "default", "rope_theta": 500000.0}}),
    Kind("ELYZA (Qwen)", "Qwen2Config", _qwen, CHATML, templates.CHATML, {"tie_word_embeddings": True}),
    Kind("Rakuten AI 7B", "MistralConfig", _spm, LLAMA_2, templates.INST, {"sliding_window": None}),
    Kind("youri 7B", "LlamaConfig", _spm, LLAMA_2, templates.ALPACA),
)  # fmt: skip

OWN_CODE: Sequence[OwnCode] = (
    OwnCode("PLaMo 2", "Plamo2ForCausalLM", "plamo2"),
    OwnCode("PLaMo 3", "Plamo3ForCausalLM", "plamo3"),
    OwnCode("MiniCPM", "MiniCPMForCausalLM", "minicpm"),
)
