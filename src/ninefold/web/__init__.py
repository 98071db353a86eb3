"""The page: templates, ES modules, stylesheets and the words of the interface.

Knows the document that tells of a job, but not the service that makes it: no framework, no
database, no network.
"""
