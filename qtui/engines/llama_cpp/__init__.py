"""The engine `llama.cpp`: GGUF files, computed by ggml through the C interface."""
