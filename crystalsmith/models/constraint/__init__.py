"""The constraint generator: chemistry and properties in, ranked symmetry templates out."""
