"""Compliance reports: content, rendering, signature, schedule, delivery."""
