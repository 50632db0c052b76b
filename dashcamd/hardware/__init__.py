"""Buttons and the like at the pins of the machine."""
