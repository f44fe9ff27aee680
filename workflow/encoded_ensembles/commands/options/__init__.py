"""Options that several verbs share, each defined once.

Several small modules, since a step is stale when the code of its verb changes: an option of sampling must
not make training stale.
"""
