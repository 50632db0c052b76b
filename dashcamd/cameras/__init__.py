"""Cameras: each turns one source of pictures into frames, fields and JPEGs, and decides nothing."""
