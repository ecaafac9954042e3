"""One module a runtime: a checked network onto a device of that runtime."""
