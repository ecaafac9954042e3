"""The JSON API under /api/v1, for other programs; its description is made from its code."""
