"""The composition root: builds the engine, the web program and the courier from settings, and runs them."""
