"""What a terminal is sent of a frame: the cells that differ from what it already shows."""
