"""The structure generator: flow matching over what a symmetry template leaves free."""
