"""The page: a Flask application factory, one blueprint a page."""
