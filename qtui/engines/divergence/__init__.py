"""How far a candidate's distributions over the next token are from the baseline's: logits of given tokens from both engines."""
