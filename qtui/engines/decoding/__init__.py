"""What every engine that decodes tokens here shares: how many answers at once, where an answer's text ends, what was measured."""
