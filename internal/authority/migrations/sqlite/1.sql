-- Times are Unix seconds by the authority's clock. A ticket's code is there
-- only as its SHA-256: 256 random bits need no slow hash.
CREATE TABLE IF NOT EXISTS tickets (
  hash       BLOB PRIMARY KEY,
  role       TEXT NOT NULL,
  name       TEXT NOT NULL,            -- '' lets the authority choose
  attributes TEXT NOT NULL,            -- JSON object
  created    INTEGER NOT NULL,
  expires    INTEGER NOT NULL,
  uses       INTEGER NOT NULL,
  used       INTEGER NOT NULL DEFAULT 0,
  maker      TEXT NOT NULL             -- the enroller, '' the administrator
) STRICT;
CREATE TABLE IF NOT EXISTS members (
  id         TEXT PRIMARY KEY,         -- SPIFFE id
  key_hash   BLOB NOT NULL UNIQUE,     -- SHA-256 of the public key in use
  attributes TEXT NOT NULL,
  created    INTEGER NOT NULL,
  revoked    INTEGER,                  -- when; its name is never given again
  reason     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS redemptions (
  ticket     BLOB NOT NULL REFERENCES tickets(hash),
  key_hash   BLOB NOT NULL REFERENCES members(key_hash) ON UPDATE CASCADE,
  at         INTEGER NOT NULL,
  PRIMARY KEY (ticket, key_hash)
) STRICT;
CREATE TABLE IF NOT EXISTS certificates (
  serial     TEXT PRIMARY KEY,         -- hex; gone some time after it has expired
  member     TEXT NOT NULL REFERENCES members(id),
  signed     INTEGER NOT NULL,
  expires    INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS certificates_of ON certificates (member, expires);
CREATE TABLE IF NOT EXISTS revocations (
  kind       TEXT NOT NULL,            -- member, key or serial
  value      TEXT NOT NULL,            -- as the list writes it
  member     TEXT NOT NULL,            -- whom it concerned, '' unknown
  at         INTEGER NOT NULL,
  until      INTEGER NOT NULL,         -- nothing that it concerns is valid any more
  PRIMARY KEY (kind, value)
) STRICT;
CREATE TABLE IF NOT EXISTS list (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  epoch      INTEGER NOT NULL,
  signed     BLOB NOT NULL
) STRICT;
