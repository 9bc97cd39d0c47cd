"""A folder in the Hugging Face form into one GGUF file without loss."""
