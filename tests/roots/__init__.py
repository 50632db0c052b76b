"""Debian systems in folders, in which tests meet the real libraries of a Raspberry Pi OS."""
