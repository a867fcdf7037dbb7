longhaul list schedules
