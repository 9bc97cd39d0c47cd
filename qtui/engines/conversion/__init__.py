"""Conversion of a model folder in the Hugging Face format to one GGUF file, without loss."""
