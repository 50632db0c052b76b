"""Files on the stick: durable while written, recovered in place, listed, deleted in their time."""
