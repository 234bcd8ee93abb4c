"""Tells words that ask something of a material from the talk around them."""
