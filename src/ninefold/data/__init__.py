"""Pictures and captions as files: shards, captions, tokens, in an order that can be resumed."""
