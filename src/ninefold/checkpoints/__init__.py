"""Published and own weights: finding, downloading, checking, converting, loading."""
