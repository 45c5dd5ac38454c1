"""What was certified: columns, profiles, seasons, floors, and how they are made from rows."""
