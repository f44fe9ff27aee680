"""The steps of the pipeline: one module per command line verb that has its own rule."""
