longhaul list models
