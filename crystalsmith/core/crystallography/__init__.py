"""Space groups, symmetry templates, and crystals as template plus free parameters."""
