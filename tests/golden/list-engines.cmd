longhaul list engines
