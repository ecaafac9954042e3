"""Finding cameras on the site's network, for the person at the terminal. No other program of the appliance uses it."""
