"""Votes become one label an item."""
