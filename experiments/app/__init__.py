"""The web page: what a network is, what it learned from, what it makes, and how it learns."""
