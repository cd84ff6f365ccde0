// The options of login, doctor and config.

import type { OptionSpec } from '../spec.ts'

export const loginOptions = [
  { name: 'url', kind: 'text', value: 'URL', summary: 'The server, such as https://capstan.example.com' },
  { name: 'token-stdin', kind: 'flag', summary: 'Read the token from standard input' },
] as const satisfies readonly OptionSpec[]

export const doctorOptions = [
  { name: 'data', kind: 'text', value: 'DIR', summary: 'Data folder; default: the running one’s, else ~/.capstan' },
] as const satisfies readonly OptionSpec[]

const identityOption = {
  name: 'identity',
  kind: 'text',
  value: 'NAME',
  summary: 'Which identity; default: default',
} as const

export const exportEnvOptions = [
  identityOption,
  { name: 'daemon', kind: 'flag', summary: 'The token of this machine’s daemon instead of yours' },
] as const satisfies readonly OptionSpec[]

export const initFromEnvOptions = [
  identityOption,
  { name: 'force', kind: 'flag', summary: 'Write over what is there' },
] as const satisfies readonly OptionSpec[]
