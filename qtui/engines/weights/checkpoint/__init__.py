"""The files of a checkpoint (a Hugging Face folder): which hold its weights, whether they are whole, and how they are stored."""
