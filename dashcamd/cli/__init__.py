"""The commands; each is one module with one function."""
