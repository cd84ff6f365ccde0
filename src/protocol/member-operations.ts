// Operations on the members of a team.

import { z } from 'zod'
import { invitation, member, memberChange, memberCreate } from './access.ts'
import type { Operation } from './operation.ts'

export const memberOperations = {
  listMembers: {
    method: 'GET',
    path: '/v1/members',
    scope: 'user',
    tag: 'members',
    summary: 'People and service accounts of the team',
    answer: 'json',
    output: z.object({ items: z.array(member) }),
  },
  createMember: {
    method: 'POST',
    path: '/v1/members',
    scope: 'admin',
    role: 'owner',
    tag: 'members',
    summary: 'Add a person or a service account',
    body: memberCreate,
    mcp: 'destructive',
    answer: 'json',
    output: member,
    status: 201,
  },
  changeMember: {
    method: 'PATCH',
    path: '/v1/members/:id',
    scope: 'admin',
    role: 'owner',
    tag: 'members',
    summary: 'Give a member another role, on live connections too',
    body: memberChange,
    mcp: 'destructive',
    answer: 'json',
    output: member,
  },
  removeMember: {
    method: 'DELETE',
    path: '/v1/members/:id',
    scope: 'admin',
    role: 'owner',
    tag: 'members',
    summary: 'Remove a member and revoke its tokens, on live connections too',
    answer: 'none',
  },
  inviteMember: {
    method: 'POST',
    path: '/v1/members/:id/invite',
    scope: 'admin',
    role: 'owner',
    tag: 'members',
    summary: 'A link by which a person signs in, once',
    body: z.strictObject({}),
    mcp: false, // whoever has the link is that person
    answer: 'json',
    output: invitation,
    status: 201,
  },
} as const satisfies Record<string, Operation>
