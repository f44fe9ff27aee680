"""The ensemble: exogenous noise, sampling under keep masks, and the landscape of counterfactuals."""
