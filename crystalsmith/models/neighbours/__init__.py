"""Known crystals that vote on the template of a formula, as a network has learned to weigh them."""
