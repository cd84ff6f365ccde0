// The options of login and doctor.

import type { OptionSpec } from '../spec.ts'

export const loginOptions = [
  { name: 'url', kind: 'text', value: 'URL', summary: 'The server, such as https://capstan.example.com' },
  { name: 'token-stdin', kind: 'flag', summary: 'Read the token from standard input' },
] as const satisfies readonly OptionSpec[]

export const doctorOptions = [
  { name: 'data', kind: 'text', value: 'DIR', summary: 'Data folder; default: the running one’s, else ~/.capstan' },
] as const satisfies readonly OptionSpec[]
