"""Where training runs: one port, one adapter a way of renting."""
