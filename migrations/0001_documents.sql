-- Up Migration

-- Every epoch ever given; never reset, so that a recreated document never looks like the one before.
create sequence epochs as bigint;

-- One row. The id is part of every Redis channel name: two clusters on one Redis never hear each other.
create table cluster (
  one boolean primary key default true check (one),
  id text not null default replace(gen_random_uuid()::text, '-', '')
);
insert into cluster default values;

-- Narrow, and no index on a column that an append changes: length updates stay HOT.
create table documents (
  key bigint primary key default nextval('epochs'),
  id text collate "C" not null unique,
  length bigint not null default 0 check (length >= 0),
  creation_id bigint,
  created_at timestamptz not null default now(),
  accessed_at timestamptz not null default now()
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
create index documents_accessed_at on documents (accessed_at);

-- No foreign key: the append statement locks the document's row itself, and a check per row would cost every append.
create table document_chunks (
  key bigint not null,
  "offset" bigint not null,
  append_id bigint not null,
  data bytea not null,
  primary key (key, "offset")
);
-- Rows are read whole or cut at the edges; compressing them costs more than it saves.
alter table document_chunks alter column data set storage external;

-- Epochs whose chunks are still to be deleted, in portions.
create table deleted_documents (
  key bigint primary key,
  deleted_at timestamptz not null default now()
);

-- Apart from documents, so that keys do not queue behind appends.
create table document_key_versions (
  key bigint primary key references documents on delete cascade on update cascade,
  version bigint not null default 0
) with (fillfactor = 50);

create table document_keys (
  key bigint not null references documents on delete cascade on update cascade,
  name bytea not null,
  version bigint not null,
  value bytea not null,
  primary key (key, name)
);

create table nodes (
  id text primary key,
  lease_until timestamptz not null,
  started_at timestamptz not null default now()
);

create table document_nodes (
  key bigint not null references documents on delete cascade on update cascade,
  node text not null references nodes on delete cascade,
  sessions integer not null default 1,
  primary key (key, node)
);
create index document_nodes_node on document_nodes (node);

-- Keys that end with the session that set them last. A crash of Postgres empties it; nodes then set theirs again.
create unlogged table client_keys (
  key bigint not null references documents on delete cascade on update cascade,
  name bytea not null,
  version bigint not null,
  value bytea not null,
  node text not null references nodes on delete cascade,
  session bigint not null,
  primary key (key, name)
) with (fillfactor = 70);
create index client_keys_owner on client_keys (node, session);

-- Compare-and-set of several keys of one document, in order. The counter's lock comes first and each statement in
-- here takes a new snapshot, so what is compared is what is stored. No row: there is no such document.
create function set_keys_v1(
  p_key bigint, p_session_lifetime boolean[], p_names bytea[], p_old bigint[], p_new bigint[], p_values bytea[],
  p_node text, p_sessions bigint[]
) returns table (before bigint, after bigint, results boolean[]) language plpgsql as $$
declare
  stored boolean;
begin
  if not (false = any (p_session_lifetime)) then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  select v.version into before from document_key_versions v where v.key = p_key for update;
  if not found then
    insert into document_key_versions (key) select d.key from documents d where d.key = p_key on conflict do nothing;
    select v.version into before from document_key_versions v where v.key = p_key for update;
    if not found then return; end if;
  end if;
  after := before;
  results := '{}';
  for i in 1 .. cardinality(p_names) loop
    if p_session_lifetime[i] then
      update client_keys k set version = p_new[i], value = p_values[i], node = p_node, session = p_sessions[i]
        where k.key = p_key and k.name = p_names[i] and k.version = p_old[i];
      stored := found;
      if not stored and p_old[i] = 0 then
        insert into client_keys (key, name, version, value, node, session)
          values (p_key, p_names[i], p_new[i], p_values[i], p_node, p_sessions[i]) on conflict do nothing;
        stored := found;
      end if;
    else
      update document_keys k set version = p_new[i], value = p_values[i]
        where k.key = p_key and k.name = p_names[i] and k.version = p_old[i];
      stored := found;
      if not stored and p_old[i] = 0 then
        insert into document_keys (key, name, version, value)
          values (p_key, p_names[i], p_new[i], p_values[i]) on conflict do nothing;
        stored := found;
      end if;
    end if;
    results := results || stored;
    if stored then after := after + 1; end if;
  end loop;
  if after > before then
    update document_key_versions v set version = after where v.key = p_key;
  end if;
  return next;
end $$;

-- Removes the session keys of one session, or of a whole node (p_session null), from one document.
create function drop_keys_v1(p_key bigint, p_node text, p_session bigint)
returns table (before bigint, after bigint, names bytea[], versions bigint[]) language plpgsql as $$
begin
  select v.version into before from document_key_versions v where v.key = p_key for update;
  if not found then return; end if;
  with gone as (
    delete from client_keys k
    where k.key = p_key and k.node = p_node and (p_session is null or k.session = p_session)
    returning k.name, k.version
  )
  select coalesce(array_agg(g.name), '{}'), coalesce(array_agg(g.version), '{}') into names, versions from gone g;
  after := before + cardinality(names);
  if after > before then
    update document_key_versions v set version = after where v.key = p_key;
  end if;
  return next;
end $$;
