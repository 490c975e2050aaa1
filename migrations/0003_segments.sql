-- Up Migration

-- The folded part of a log: the segments that nothing has replaced tile [0, S), and the log goes on from S. What a
-- segment holds is a document of its own (`content`), so that pages, reads and burying serve it like any log.
create table document_segments (
  content bigint primary key references documents on update cascade,
  key bigint not null references documents on delete cascade on update cascade,
  from_offset bigint not null check (from_offset >= 0),
  to_offset bigint not null check (to_offset > from_offset),
  length bigint not null,
  summary bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  -- Readers may be in the middle of a replaced segment: it stays for a while.
  replaced_at timestamptz,
  -- The rows of the log that it stands for are deleted.
  is_trimmed boolean not null default false
);
create unique index document_segments_live on document_segments (key, from_offset) where replaced_at is null;
create index document_segments_key on document_segments (key);
create index document_segments_replaced on document_segments (replaced_at) where replaced_at is not null;
create index document_segments_untrimmed on document_segments (created_at) where not is_trimmed;

-- Named states of a document that somebody wanted to keep, as of an offset of its log.
create table document_versions (
  id bigint generated always as identity primary key,
  content bigint not null unique references documents on update cascade,
  key bigint not null references documents on delete cascade on update cascade,
  name text not null,
  "offset" bigint not null,
  length bigint not null,
  created_at timestamptz not null default clock_timestamp()
);
create index document_versions_key on document_versions (key);

-- A content goes with the row that names it, however that goes: replaced, or its document deleted or purged.
create function bury_content_v1() returns trigger language plpgsql as $$
begin
  with gone as (delete from documents d where d.key = old.content returning d.key)
  insert into deleted_documents (key) select g.key from gone g on conflict do nothing;
  return null;
end $$;
create trigger bury_content after delete on document_segments for each row execute function bury_content_v1();
create trigger bury_content after delete on document_versions for each row execute function bury_content_v1();

-- Who folds a document just now. The row is also what two folds of one document wait for.
create table document_claims (
  key bigint primary key references documents on delete cascade on update cascade,
  holder text not null default '',
  claimed_until timestamptz not null default '-infinity'
) with (fillfactor = 50);

-- Records that no Yjs reads. In the log filler stands in their place.
create table yjs_quarantine (
  key bigint not null references documents on delete cascade on update cascade,
  "offset" bigint not null,
  data bytea not null,
  reason text not null,
  at timestamptz not null default clock_timestamp(),
  primary key (key, "offset")
);
