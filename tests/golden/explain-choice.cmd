longhaul explain plan.schedule
