// capstan model …, member …

import type { GroupSpec } from '../spec.ts'
import { none, verb } from '../spec.ts'
import { memberAddOptions, memberSetOptions, modelListOptions, modelOptions } from './options.ts'

const modelName = { name: 'model', summary: 'PROVIDER/NAME' } as const
const memberName = { name: 'name', summary: 'Its name or id' } as const

export const model: GroupSpec = {
  name: 'model',
  summary: 'What is known of models',
  fallback: null,
  verbs: [
    verb({
      name: 'ls',
      summary: 'Known models',
      options: modelListOptions,
      examples: ['capstan model ls --provider openai'],
      load: async () => (await import('./models.ts')).listModels,
    }),
    verb({
      name: 'add',
      summary: 'Add a model to the team’s catalog',
      args: [modelName],
      options: modelOptions,
      examples: ['capstan model add acme/coder-2 --context-window 128000'],
      load: async () => (await import('./models.ts')).addModel,
    }),
    verb({
      name: 'set',
      summary: 'Change one of the team’s models; the rest stays',
      args: [modelName],
      options: modelOptions,
      examples: ['capstan model set acme/coder-2 --thinking low,high'],
      load: async () => (await import('./models.ts')).setModel,
    }),
    verb({
      name: 'rm',
      summary: 'Take one of the team’s models out',
      args: [modelName],
      options: none,
      examples: ['capstan model rm acme/coder-2'],
      load: async () => (await import('./models.ts')).removeModel,
    }),
  ],
}

export const member: GroupSpec = {
  name: 'member',
  summary: 'People and service accounts, and their roles',
  fallback: null,
  verbs: [
    verb({
      name: 'ls',
      summary: 'Members of the team',
      options: none,
      examples: ['capstan member ls'],
      load: async () => (await import('./members.ts')).listMembers,
    }),
    verb({
      name: 'add',
      summary: 'Add a person or a service account',
      args: [{ name: 'name', summary: 'Its name' }],
      options: memberAddOptions,
      examples: ['capstan member add ann --role manager', 'capstan member add ci --service'],
      load: async () => (await import('./members.ts')).addMember,
    }),
    verb({
      name: 'set',
      summary: 'Give another role, at once',
      args: [memberName],
      options: memberSetOptions,
      examples: ['capstan member set ann --role viewer'],
      load: async () => (await import('./members.ts')).setMember,
    }),
    verb({
      name: 'rm',
      summary: 'Remove a member and revoke its tokens',
      args: [memberName],
      options: none,
      examples: ['capstan member rm ann'],
      load: async () => (await import('./members.ts')).removeMember,
    }),
    verb({
      name: 'invite',
      summary: 'A link by which a person signs in, once',
      args: [memberName],
      options: none,
      examples: ['capstan member invite ann'],
      load: async () => (await import('./members.ts')).inviteMember,
    }),
  ],
}
