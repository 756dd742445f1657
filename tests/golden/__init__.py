"""Archives of releases, which verify for ever."""
