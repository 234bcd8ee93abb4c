"""Benchmarks: each one a command that prints a table and writes JSON."""
