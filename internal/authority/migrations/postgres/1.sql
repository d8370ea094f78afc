-- The tables of migrations/sqlite, and the issuance log's order. Times are Unix
-- seconds by the clock of the authority that wrote them.
CREATE TABLE tickets (
  hash       bytea PRIMARY KEY,
  role       text NOT NULL,
  name       text NOT NULL,
  attributes text NOT NULL,
  created    bigint NOT NULL,
  expires    bigint NOT NULL,
  uses       bigint NOT NULL,
  used       bigint NOT NULL DEFAULT 0,
  maker      text NOT NULL
);
CREATE TABLE members (
  id         text PRIMARY KEY,
  key_hash   bytea NOT NULL UNIQUE,
  attributes text NOT NULL,
  created    bigint NOT NULL,
  revoked    bigint,
  reason     text NOT NULL DEFAULT ''
);
CREATE TABLE redemptions (
  ticket     bytea NOT NULL REFERENCES tickets(hash),
  key_hash   bytea NOT NULL REFERENCES members(key_hash) ON UPDATE CASCADE,
  at         bigint NOT NULL,
  PRIMARY KEY (ticket, key_hash)
);
CREATE TABLE certificates (
  serial     text PRIMARY KEY,
  member     text NOT NULL REFERENCES members(id),
  signed     bigint NOT NULL,
  expires    bigint NOT NULL,
  turn       bigint NOT NULL
);
CREATE INDEX certificates_of ON certificates (member, expires);
CREATE TABLE revocations (
  kind       text NOT NULL,
  value      text NOT NULL,
  member     text NOT NULL,
  at         bigint NOT NULL,
  until      bigint NOT NULL,
  PRIMARY KEY (kind, value)
);
CREATE TABLE list (
  one        bigint PRIMARY KEY CHECK (one = 1),
  epoch      bigint NOT NULL,
  signed     bytea NOT NULL
);
CREATE TABLE project (
  one        bigint PRIMARY KEY CHECK (one = 1),
  root       bytea NOT NULL
);
CREATE TABLE issuance (
  n          bigint PRIMARY KEY,       -- from 0, without gaps
  payload    bytea NOT NULL,           -- the record, as it stands in every authority's log
  chain      bytea NOT NULL            -- SHA-256 over the chain before and the payload
);
