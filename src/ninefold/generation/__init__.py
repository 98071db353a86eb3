"""How a picture is drawn: the plain, exact specification that every faster path must equal."""
