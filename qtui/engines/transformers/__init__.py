"""The engine `transformers`: checkpoints in the Hugging Face format, computed by torch."""
