"""The demonstration: a real clip through everything, then the page."""
