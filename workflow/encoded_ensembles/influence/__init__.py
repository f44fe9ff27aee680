"""Influence: what ablations and contrasts say of a unit, each against its null distribution."""
