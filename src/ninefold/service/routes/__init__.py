"""What the gateway answers; one file a surface or a kind of thing."""
