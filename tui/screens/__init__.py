"""One screen a file, with its keys, its handlers and its looks."""
