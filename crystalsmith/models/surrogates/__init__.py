"""Surrogates: learned predictors of properties, each with an uncertainty."""
