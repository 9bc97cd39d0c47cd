"""Modelling code as a checkpoint brings it: a Mistral that visits its layers in an order of its own, some of them twice.

Like EvoLLM-JP-v1-10B it can have no cache of keys and values, because a layer's would be overwritten at its second visit.
Copied into a model's folder by the tests; nothing of qtui may be imported here.
"""

from typing import Any

import torch
from transformers import MistralConfig, MistralForCausalLM, MistralModel
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast


class HoppingMistralConfig(MistralConfig):  # type: ignore[misc, no-untyped-call, unused-ignore]
    model_type = "hoppingmistral"
    hops: Any = None


class HoppingMistralModel(MistralModel):  # type: ignore[misc, no-untyped-call, unused-ignore]
    def __init__(self, config: HoppingMistralConfig) -> None:
        super().__init__(config)
        self.hop_scales = torch.nn.Parameter(torch.ones(len(config.hops)))

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, position_ids: Any = None, **given: Any
    ) -> BaseModelOutputWithPast:
        if given.get("past_key_values") is not None or given.get("use_cache"):
            raise ValueError("layers are visited twice: no cache can hold their keys and values")
        states = self.embed_tokens(input_ids)
        if position_ids is None:
            position_ids = torch.arange(states.shape[1], device=states.device).unsqueeze(0)
        mask = create_causal_mask(
            config=self.config,
            inputs_embeds=states,
            attention_mask=attention_mask,
            past_key_values=None,
            position_ids=position_ids,
        )
        turned = self.rotary_emb(states, position_ids=position_ids)
        for scale, number in zip(self.hop_scales, self.config.hops, strict=True):
            states = self.layers[number](
                states * scale, attention_mask=mask, position_ids=position_ids, position_embeddings=turned
            )
        return BaseModelOutputWithPast(last_hidden_state=self.norm(states))


class HoppingMistralForCausalLM(MistralForCausalLM):  # type: ignore[misc, no-untyped-call, unused-ignore]
    config_class = HoppingMistralConfig

    def __init__(self, config: HoppingMistralConfig) -> None:
        super().__init__(config)
        self.model = HoppingMistralModel(config)
        self.post_init()  # type: ignore[no-untyped-call, unused-ignore]
