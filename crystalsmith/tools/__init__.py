"""What the agent works with: the store of known crystals, formula proposals, novelty."""
