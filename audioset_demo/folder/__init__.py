"""Folders of recordings: what is in them, work on each by several processes, one table of all."""
