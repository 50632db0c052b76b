"""One small class a thread; the only floor that waits, and the only one that catches everything."""
