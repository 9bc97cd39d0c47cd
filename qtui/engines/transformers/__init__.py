"""The engine `transformers`: checkpoints in the Hugging Face form, computed by torch."""
