"""Showing and saving what a design run found."""
