"""The motion bench: scripted scenes with exact truth, real clips where present, and the peers."""
