"""Jobs of a preset at its full size, with stand-ins for networks and for data that must be downloaded."""
