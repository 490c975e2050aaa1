-- Up Migration

-- What YJS_CALLBACK_URL has been told of rooms that have changed since there is such a URL.
create table yjs_callbacks (
  key bigint primary key references documents on delete cascade on update cascade,
  -- Lengths of the log: of what was told last, and of the last change that was noted.
  told bigint not null default 0,
  noted bigint not null,
  -- When the first change was made that is not told yet, and when the last one.
  since timestamptz not null,
  noted_at timestamptz not null,
  -- Null: nothing is to be told. While a node tells it: when another one may try.
  due_at timestamptz,
  attempts integer not null default 0
) with (fillfactor = 70);
create index yjs_callbacks_due_at on yjs_callbacks (due_at) where due_at is not null;
