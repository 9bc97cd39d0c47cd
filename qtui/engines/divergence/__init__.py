"""How far a candidate's next-token distributions are from the baseline's, from the logits of both for the same tokens."""
