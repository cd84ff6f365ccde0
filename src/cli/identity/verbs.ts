// capstan login, logout, whoami, doctor, config

import type { GroupSpec, VerbSpec } from '../spec.ts'
import { none, verb } from '../spec.ts'
import { doctorOptions, exportEnvOptions, initFromEnvOptions, loginOptions } from './options.ts'

export const login: VerbSpec = verb({
  name: 'login',
  summary: 'Use a server from now on. The token is checked, then kept in ~/.capstan/client.json (0600).',
  options: loginOptions,
  examples: ['capstan login --url https://capstan.example.com --token-stdin < token'],
  load: async () => (await import('./login.ts')).logIn,
})

export const logout: VerbSpec = verb({
  name: 'logout',
  summary: 'Forget the server and its token here; the token itself stays valid.',
  options: none,
  examples: ['capstan logout'],
  load: async () => (await import('./logout.ts')).logOut,
})

export const whoami: VerbSpec = verb({
  name: 'whoami',
  summary: 'Which server, which team, which rights.',
  options: none,
  examples: ['capstan whoami'],
  load: async () => (await import('./whoami.ts')).whoAmI,
})

export const doctor: VerbSpec = verb({
  name: 'doctor',
  summary: 'Find what is wrong here, with remedies. Exit 1 if anything fails.',
  options: doctorOptions,
  examples: ['capstan doctor'],
  load: async () => (await import('./doctor.ts')).examine,
})

export const config: GroupSpec = {
  name: 'config',
  summary: 'Carry this machine’s settings to another',
  fallback: null,
  verbs: [
    verb({
      name: 'export-env',
      summary: 'Server, token and identity as lines of a dotenv file',
      options: exportEnvOptions,
      examples: ['capstan config export-env', 'capstan config export-env --identity ci --json'],
      load: async () => (await import('./environment.ts')).exportEnv,
    }),
    verb({
      name: 'init-from-env',
      summary: 'Set this machine up from those variables',
      options: initFromEnvOptions,
      examples: ['capstan config init-from-env'],
      load: async () => (await import('./environment.ts')).initFromEnv,
    }),
  ],
}
