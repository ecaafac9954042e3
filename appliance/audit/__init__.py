"""The tamper-evident log, its checkpoints and the egress policy."""
