// Version 6: accounts with roles behind the tokens, and the teams' own models.

import type { Migration } from './migration.ts'

export const access: Migration = {
  version: 6,
  name: 'access',
  up: ({ int }) => [
    `create table accounts (
      id text primary key, team_id text not null, name text not null, kind text not null, role text not null,
      created_at ${int} not null, created_by text not null, unique (team_id, name))`,
    `alter table tokens add column account_id text`,
    `create index tokens_account on tokens (account_id) where account_id is not null`,
    // What a token could do so far it can still do: one account for each name.
    `insert into accounts (id, team_id, name, kind, role, created_at, created_by)
      select min('acc' || substr(id, 4)), team_id, name, 'service',
        case when max(case when scopes like '%admin%' then 1 else 0 end) = 1 then 'owner' else 'member' end,
        min(created_at), 'server'
      from tokens where kind = 'token' group by team_id, name`,
    `update tokens set account_id = (
      select a.id from accounts a where a.team_id = tokens.team_id and a.name = tokens.name) where kind = 'token'`,
    `create table models (
      id text primary key, team_id text not null, provider text not null, name text not null, display_name text,
      description text not null, capabilities text not null, created_at ${int} not null, updated_at ${int} not null,
      unique (team_id, provider, name))`,
  ],
}
