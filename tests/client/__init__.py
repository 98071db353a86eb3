"""The client for a service, against one that runs."""
