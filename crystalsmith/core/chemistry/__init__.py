"""Elements, formulas and structure families."""
