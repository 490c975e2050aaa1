-- Up Migration

-- By SHA-256 of the token, so that a copy of this table opens no document, and whatever the token's length.
-- Expired tokens stay for ever: once deleted, their text would be taken as the id of a new, writable document.
create table tokens (
  digest bytea primary key check (octet_length(digest) = 32),
  document_id text collate "C" not null,
  user_id text collate "C" not null,
  permissions text not null,
  expires_at timestamptz not null,
  -- The newest change of permissions when this row was written.
  change bigint not null
);
create index tokens_user_id on tokens (user_id);

-- One row, moved in the transaction of each change: its lock makes changes commit in the order of their numbers, so
-- that a node which asks for what is above the last number it saw misses nothing.
create table permission_changes (
  one boolean primary key default true check (one),
  last bigint not null default 0
) with (fillfactor = 50);
insert into permission_changes default values;

create table user_permissions (
  user_id text collate "C" primary key,
  permissions text not null,
  change bigint not null,
  changed_at timestamptz not null
);
create unique index user_permissions_change on user_permissions (change);

-- No foreign key to documents: the event of a deleted document is still to be sent.
create table idle_events (
  document_id text collate "C" primary key,
  event_id uuid not null,
  due_at timestamptz not null,
  attempts integer not null default 0,
  claimed_until timestamptz
);
create index idle_events_due_at on idle_events (due_at);
