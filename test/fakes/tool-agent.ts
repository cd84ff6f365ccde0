// An agent that only uses the tools of its run: its prompt's first line is a JSON list of [tool, arguments], each answer a line of its output.
// An argument `@NAME` stands for the text of that file.

import { readFileSync } from 'node:fs'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

interface Config {
  readonly mcpServers: Readonly<Record<string, { readonly command: string; readonly args: readonly string[] }>>
}

const [first = '[]'] = readFileSync(process.argv[2] ?? '', 'utf8').split('\n')
const steps = JSON.parse(first, fromFile) as [string, Record<string, unknown>][] // the test's
const config = JSON.parse(readFileSync(process.env.CAPSTAN_MCP_CONFIG ?? '', 'utf8')) as Config // the daemon's
const { command = '', args = [] } = config.mcpServers.capstan ?? {}
const client = new Client({ name: 'tool-agent', version: '1' })
await client.connect(new StdioClientTransport({ command, args: [...args] }))
for (const [name, input] of steps) {
  console.log(`calls ${name}`)
  const call = client.callTool({ name, arguments: input }, { timeout: 120_000 })
  const result = await call.catch((error) => ({ isError: true, content: String(error) })) // a tool that is not offered here
  console.log(JSON.stringify({ name, failed: result.isError === true, content: result.content }))
}
await client.close()

function fromFile(_: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('@') ? readFileSync(value.slice(1), 'utf8').trim() : value
}
