"""What the engines that decode tokens here share: the number of slots, the end of an answer's text, measurements."""
