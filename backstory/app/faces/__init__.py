"""What commands of the command line show and do, and why a request went up as it did. Values and text."""
