"""The `veilsight` command: one module a command group."""
