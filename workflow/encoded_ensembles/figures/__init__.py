"""Figures: arrays and tables in, matplotlib figures and the gallery page out."""
