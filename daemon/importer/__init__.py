"""The import: what was surveyed is delivered to the media, then written on the rows, and recorded."""
