"""The only code that touches raw pixels: sources, networks, tracks, redaction."""
