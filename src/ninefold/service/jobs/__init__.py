"""A job from being asked for to its one end: acceptance, order, events, drawing, recovery."""
