ALTER TABLE certificates ADD COLUMN turn INTEGER NOT NULL DEFAULT 0; -- rises: which of one second came later
CREATE TABLE project (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  root       BLOB NOT NULL             -- SHA-256 of the root's public key
) STRICT;
