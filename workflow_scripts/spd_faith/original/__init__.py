"""The files of the original commands: their readers, writers and glue."""
