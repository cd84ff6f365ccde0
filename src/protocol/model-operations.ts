// Operations on the catalog of models.

import { z } from 'zod'
import { model, modelChange, modelCreate, modelQuery } from './models.ts'
import type { Operation } from './operation.ts'

export const modelOperations = {
  listModels: {
    method: 'GET',
    path: '/v1/models',
    scope: 'user',
    tag: 'models',
    summary: 'Known models: those that come with Capstan, and the team’s own',
    query: modelQuery,
    answer: 'json',
    output: z.object({ items: z.array(model) }),
  },
  createModel: {
    method: 'POST',
    path: '/v1/models',
    scope: 'admin',
    role: 'manager',
    tag: 'models',
    summary: 'Add a model to the team’s catalog',
    body: modelCreate,
    answer: 'json',
    output: model,
    status: 201,
  },
  updateModel: {
    method: 'PATCH',
    path: '/v1/models/:id',
    scope: 'admin',
    role: 'manager',
    tag: 'models',
    summary: 'Change what is given of one of the team’s models',
    body: modelChange,
    answer: 'json',
    output: model,
  },
  removeModel: {
    method: 'DELETE',
    path: '/v1/models/:id',
    scope: 'admin',
    role: 'manager',
    tag: 'models',
    summary: 'Take one of the team’s models out of the catalog',
    answer: 'none',
  },
} as const satisfies Record<string, Operation>
