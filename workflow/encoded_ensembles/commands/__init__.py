"""The command line: a verb in each module, called like its function and its rule; `options` are shared."""
