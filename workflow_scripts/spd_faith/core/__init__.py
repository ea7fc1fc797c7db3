"""What every stage shares: schemas, configuration, files, statistics and the manners of a command."""
