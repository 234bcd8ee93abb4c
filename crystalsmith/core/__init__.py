"""What every other room shares: crystallography, chemistry, clauses, requests, settings."""
