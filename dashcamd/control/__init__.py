"""How commands reach the running daemon: a Unix socket with one JSON object a line."""
