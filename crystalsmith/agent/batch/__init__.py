"""Many requests at once: read from a file, shared out to workers, every result kept."""
