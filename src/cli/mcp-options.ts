// The verb `mcp`, as data.

import { none, verb } from './spec.ts'

export const mcp = verb({
  name: 'mcp',
  summary: 'Serve tasks as MCP tools on stdin and stdout, for editors and agents',
  options: none,
  examples: ['capstan mcp'],
  stays: true,
  json: false,
  load: async () => (await import('./mcp.ts')).runMcp,
})
