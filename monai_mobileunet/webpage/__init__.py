"""A bundle as a folder of static files: a page that segments in the browser, with what it needs of the bundle."""
