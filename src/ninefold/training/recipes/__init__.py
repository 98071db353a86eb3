"""How pocket is trained: one module a network, each with its command, hours and scores."""
