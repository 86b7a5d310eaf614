"""One extension of each kind for Backstory: a provider, a command, a stage and a policy."""
