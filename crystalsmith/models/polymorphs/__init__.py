"""Further polymorphs of a formula that has known ones: which templates they may have."""
