"""Veilsight: counts from a store's own cameras, without keeping a picture of anyone."""

__version__ = "0.1.0"
