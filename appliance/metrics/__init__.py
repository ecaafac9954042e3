"""Pure arithmetic on tracks: no pixels, no clock, no database."""
