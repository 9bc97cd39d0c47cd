"""GGUF files into GGUF files of another type."""
