# Rows of the user's own: every quantity, refused rows with their reason.
longhaul validate ../tests/validate/tiny.csv -o json
