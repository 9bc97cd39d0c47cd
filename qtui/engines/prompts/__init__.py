"""Tasks rendered as prompts, and the ids of end tokens by their texts: the same for every engine."""
