"""The template network: which known template a formula takes, from its chemistry alone."""
