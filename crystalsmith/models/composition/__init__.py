"""Composition models: what a formula alone tells about gap, formation energy and the hull."""
