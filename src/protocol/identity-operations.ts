// Operations on who may do what, and on stored bytes.

import { z } from 'zod'
import { token, tokenCreate, tokenOnce } from './access.ts'
import { team, teamCreate, whoami } from './fleet.ts'
import { limits } from './names.ts'
import type { Operation } from './operation.ts'

export const identityOperations = {
  whoami: {
    method: 'GET',
    path: '/v1/whoami',
    scope: 'any',
    tag: 'identity',
    summary: 'Who the token is',
    answer: 'json',
    output: whoami,
  },
  createToken: {
    method: 'POST',
    path: '/v1/tokens',
    scope: 'admin',
    tag: 'identity',
    summary: 'Make a token; its secret is shown once',
    body: tokenCreate,
    mcp: false, // its secret would stand in the transcript of whoever asked
    answer: 'json',
    output: tokenOnce,
    status: 201,
  },
  listTokens: {
    method: 'GET',
    path: '/v1/tokens',
    scope: 'admin',
    tag: 'identity',
    summary: 'Tokens, without their secrets',
    answer: 'json',
    output: z.object({ items: z.array(token) }),
  },
  revokeToken: {
    method: 'DELETE',
    path: '/v1/tokens/:id',
    scope: 'admin',
    tag: 'identity',
    summary: 'Revoke a token, on live connections too',
    answer: 'none',
  },
  createTeam: {
    method: 'POST',
    path: '/v1/teams',
    scope: 'admin',
    tag: 'identity',
    summary: 'Make a team',
    body: teamCreate,
    answer: 'json',
    output: team,
    status: 201,
  },
  listTeams: {
    method: 'GET',
    path: '/v1/teams',
    scope: 'user',
    tag: 'identity',
    summary: 'Teams the caller may see',
    answer: 'json',
    output: z.object({ items: z.array(team) }),
  },

  putBlob: {
    method: 'PUT',
    path: '/v1/blobs/:cid',
    scope: 'daemon',
    tag: 'blobs',
    summary: 'Store bytes under their content id',
    answer: 'json',
    output: z.object({ cid: z.string(), bytes: z.number().int() }),
    upload: true,
  },
  uploadBlob: {
    method: 'POST',
    path: '/v1/blobs',
    scope: 'user',
    tag: 'blobs',
    summary: 'Upload a file that a task is to bring to its agent; at most 10 MiB',
    answer: 'json',
    output: z.object({ cid: z.string(), bytes: z.number().int() }),
    status: 201,
    upload: true,
    maxBytes: limits.attachmentBytes,
  },
  getAttemptBlob: {
    method: 'GET',
    path: '/v1/attempts/:id/blobs/:cid',
    scope: 'daemon',
    tag: 'blobs',
    summary: 'Bytes that an open attempt needs: an earlier patch or conversation, the files of its task',
    answer: 'bytes',
  },
  getBlob: {
    method: 'GET',
    path: '/v1/blobs/:cid',
    scope: 'user',
    tag: 'blobs',
    summary: 'Bytes by content id',
    answer: 'bytes',
  },
} as const satisfies Record<string, Operation>
