"""Numbers, each beside a named baseline of the same run; nothing here is asserted."""
